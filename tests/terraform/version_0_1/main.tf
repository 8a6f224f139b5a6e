terraform {
  required_version = ">= 1.5"
  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = ">= 1.77.0"
    }
  }
}

provider "huaweicloud" {
  region = var.region
}

locals {
  in_vpc = var.vpc_id != ""
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
  name                   = var.name
  description            = "Lets the function act on DCS, publish, and call itself."
  delegated_service_name = "op_svc_cff"

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.this.name]
  }
}

# In a VPC the platform makes network ports for the function. Its code has no use for these rights, so they go to an agency of their own,
# which the code never sees: `agency` is the platform's, `app_agency` is what context hands out.
resource "huaweicloud_identity_role" "platform" {
  count       = local.in_vpc ? 1 : 0
  name        = "${var.name}-platform"
  description = "What FunctionGraph needs to run DCS Upkeep in a VPC."
  type        = "XA"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "vpc:ports:create",
          "vpc:ports:delete",
          "vpc:ports:get",
          "vpc:subnets:get",
          "vpc:vpcs:get",
          "smn:topic:publish"
        ]
      }
    ]
  })
}

resource "huaweicloud_identity_agency" "platform" {
  count                  = local.in_vpc ? 1 : 0
  name                   = "${var.name}-platform"
  description            = "Lets FunctionGraph run DCS Upkeep in a VPC."
  delegated_service_name = "op_svc_cff"

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.platform[0].name]
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
  agency      = local.in_vpc ? huaweicloud_identity_agency.platform[0].name : huaweicloud_identity_agency.this.name
  app_agency  = huaweicloud_identity_agency.this.name

  vpc_id     = local.in_vpc ? var.vpc_id : null
  network_id = local.in_vpc ? var.subnet_id : null

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

  lifecycle {
    precondition {
      condition     = local.in_vpc == (var.subnet_id != "")
      error_message = "Set vpc_id and subnet_id both, or neither."
    }
    precondition {
      condition     = var.journal == "" || (local.in_vpc && var.geminidb_user != "" && var.geminidb_password != "")
      error_message = "A journal on GeminiDB needs vpc_id, subnet_id, geminidb_user and geminidb_password."
    }
    precondition {
      condition     = !var.make_nat || local.in_vpc
      error_message = "make_nat needs vpc_id and subnet_id: it is for a function in a VPC, which has no way out otherwise."
    }
  }
}

# A function in a VPC reaches DCS, SMN and IAM through the VPC's own way out, or not at all.
resource "huaweicloud_vpc_eip" "out" {
  count = var.make_nat ? 1 : 0
  name  = "${var.name}-out"

  publicip {
    type = "5_bgp"
  }

  bandwidth {
    share_type  = "PER"
    name        = "${var.name}-out"
    size        = 5
    charge_mode = "traffic"
  }
}

resource "huaweicloud_nat_gateway" "out" {
  count     = var.make_nat ? 1 : 0
  name      = "${var.name}-out"
  spec      = "1"
  vpc_id    = var.vpc_id
  subnet_id = var.subnet_id
}

resource "huaweicloud_nat_snat_rule" "out" {
  count          = var.make_nat ? 1 : 0
  nat_gateway_id = huaweicloud_nat_gateway.out[0].id
  floating_ip_id = huaweicloud_vpc_eip.out[0].id
  subnet_id      = var.subnet_id
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

# Not made at all until it is wanted: the provider does not send `status` when it makes a trigger, so that one made "DISABLED" would run.
resource "huaweicloud_fgs_function_trigger" "scheduled" {
  count        = var.schedule_enabled ? 1 : 0
  function_urn = huaweicloud_fgs_function.this.urn
  type         = "TIMER"
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
