terraform {
  required_version = ">= 1.5"
  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = ">= 1.70.0"
    }
  }
}

provider "huaweicloud" {
  region = var.region
}

# Least privilege: the rights of the calls that the code makes, no wildcard.
resource "huaweicloud_identity_role" "this" {
  name        = var.name
  description = "What DCS Upkeep may do."
  type        = "XA"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "dcs:instance:list",
          "dcs:instance:get",
          "dcs:instance:getConfiguration",
          "dcs:instance:modifyStatus",
          "dcs:instance:backupData",
          "dcs:instance:getDataBackupLog",
          "ces:alarmHistory:list",
          "smn:topic:publish",
          "functiongraph:function:invokeAsync"
        ]
      }
    ]
  })
}

resource "huaweicloud_identity_agency" "this" {
  name                  = var.name
  description           = "Lets the function act on DCS, publish, and call itself."
  delegated_domain_name = "op_svc_cff"

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.this.name]
  }
}

resource "huaweicloud_smn_topic" "reports" {
  name         = "${var.name}-reports"
  display_name = "DCS Upkeep"
}

resource "huaweicloud_smn_subscription" "email" {
  count     = var.report_email == "" ? 0 : 1
  topic_urn = huaweicloud_smn_topic.reports.id
  protocol  = "email"
  endpoint  = var.report_email
}

# Whoever may publish here may ask for what the settings allow.
resource "huaweicloud_smn_topic" "requests" {
  name         = "${var.name}-requests"
  display_name = "DCS Upkeep requests"
}

resource "huaweicloud_lts_group" "this" {
  group_name  = var.name
  ttl_in_days = var.log_days
}

resource "huaweicloud_lts_stream" "this" {
  group_id    = huaweicloud_lts_group.this.id
  stream_name = var.name
}

resource "huaweicloud_fgs_function" "this" {
  name        = var.name
  app         = "default"
  description = "Maintenance on fleets of DCS instances."
  handler     = "handler.handler"
  runtime     = "Python3.12"
  memory_size = 512
  timeout     = 900
  code_type   = "obs"
  code_url    = var.package_url
  agency      = huaweicloud_identity_agency.this.name

  vpc_id     = var.vpc_id == "" ? null : var.vpc_id
  network_id = var.subnet_id == "" ? null : var.subnet_id

  enable_lts_log  = true
  log_group_id    = huaweicloud_lts_group.this.id
  log_group_name  = huaweicloud_lts_group.this.group_name
  log_stream_id   = huaweicloud_lts_stream.this.id
  log_stream_name = huaweicloud_lts_stream.this.stream_name

  user_data = jsonencode(merge(
    {
      UPKEEP_REGION          = var.region
      UPKEEP_PROJECT_ID      = var.project_id
      UPKEEP_TOPICS          = huaweicloud_smn_topic.reports.id
      UPKEEP_ALLOWED_ACTIONS = join(",", var.allowed_actions)
      UPKEEP_MAX_INSTANCES   = tostring(var.max_instances)
      UPKEEP_PLANS_ONLY      = var.plans_only ? "1" : "0"
    },
    var.journal == "" ? {} : { UPKEEP_JOURNAL = var.journal }
  ))

  encrypted_user_data = var.geminidb_user == "" ? null : jsonencode({
    GEMINIDB_USER     = var.geminidb_user
    GEMINIDB_PASSWORD = var.geminidb_password
  })
}

# The platform's own retry would only replay, and its default is one.
resource "huaweicloud_fgs_async_invoke_configuration" "this" {
  function_urn                   = huaweicloud_fgs_function.this.urn
  max_async_event_age_in_seconds = 3600
  max_async_retry_attempts       = 0

  on_failure {
    destination = "SMN"
    param       = jsonencode({ topic_urn = huaweicloud_smn_topic.reports.id })
  }
}

resource "huaweicloud_fgs_function_trigger" "scheduled" {
  function_urn = huaweicloud_fgs_function.this.urn
  type         = "TIMER"
  status       = var.schedule_enabled ? "ACTIVE" : "DISABLED"
  event_data = jsonencode({
    name          = "scheduled"
    schedule_type = "Cron"
    schedule      = var.schedule
    user_event    = var.scheduled_request
  })
}

resource "huaweicloud_fgs_function_trigger" "sweep" {
  count        = var.journal == "" ? 0 : 1
  function_urn = huaweicloud_fgs_function.this.urn
  type         = "TIMER"
  status       = "ACTIVE"
  event_data = jsonencode({
    name          = "sweep"
    schedule_type = "Rate"
    schedule      = "5m"
    user_event    = jsonencode({ command = "sweep" })
  })
}

resource "huaweicloud_fgs_function_trigger" "requests" {
  function_urn = huaweicloud_fgs_function.this.urn
  type         = "SMN"
  status       = "ACTIVE"
  event_data = jsonencode({
    topic_urn = huaweicloud_smn_topic.requests.id
  })
}

output "function_urn" {
  description = "The function; invoke it with a test event."
  value       = huaweicloud_fgs_function.this.urn
}

output "request_topic_urn" {
  description = "Where requests and alarms are published to."
  value       = huaweicloud_smn_topic.requests.id
}

output "report_topic_urn" {
  description = "Where reports go."
  value       = huaweicloud_smn_topic.reports.id
}
