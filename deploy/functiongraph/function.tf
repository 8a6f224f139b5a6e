locals {
  settings = merge(
    {
      UPKEEP_REGION          = var.region
      UPKEEP_PROJECT_ID      = var.project_id
      UPKEEP_TOPICS          = huaweicloud_smn_topic.reports.id
      UPKEEP_ALLOWED_ACTIONS = join(",", var.allowed_actions)
      UPKEEP_MAX_INSTANCES   = tostring(var.max_instances)
      UPKEEP_PLANS_ONLY      = var.plans_only ? "1" : "0"
    },
    local.journal == "" ? {} : { UPKEEP_JOURNAL = local.journal },
    var.settings
  )
}

resource "huaweicloud_fgs_function" "this" {
  name        = var.name
  app         = "default"
  description = "Maintenance on fleets of DCS instances."
  handler     = "handler.handler"
  runtime     = "Python3.12"
  memory_size = 512
  timeout     = var.timeout
  code_type   = "obs"
  code_url    = local.code_url
  agency      = huaweicloud_identity_agency.platform.name
  app_agency  = huaweicloud_identity_agency.this.name

  vpc_id     = local.in_vpc ? var.vpc_id : null
  network_id = local.in_vpc ? var.subnet_id : null

  enable_lts_log  = true
  log_group_id    = huaweicloud_lts_group.this.id
  log_group_name  = huaweicloud_lts_group.this.group_name
  log_stream_id   = huaweicloud_lts_stream.this.id
  log_stream_name = huaweicloud_lts_stream.this.stream_name

  user_data = jsonencode(local.settings)

  encrypted_user_data = var.geminidb_user == "" ? null : jsonencode({
    GEMINIDB_USER     = var.geminidb_user
    GEMINIDB_PASSWORD = var.geminidb_password
  })

  lifecycle {
    precondition {
      condition     = local.packages_named == 1
      error_message = "Name the package once: package_file for a zip on this machine, or package_url for one that is in OBS."
    }
    precondition {
      condition     = local.in_vpc == (var.subnet_id != "")
      error_message = "Set vpc_id and subnet_id both, or neither."
    }
    precondition {
      condition     = !local.on_geminidb || (local.in_vpc && var.geminidb_user != "" && var.geminidb_password != "")
      error_message = "A journal on GeminiDB needs vpc_id, subnet_id, geminidb_user and geminidb_password."
    }
    precondition {
      condition     = !var.make_nat || local.in_vpc
      error_message = "make_nat needs vpc_id and subnet_id: it is for a function in a VPC, which has no way out otherwise."
    }
    precondition {
      condition     = local.journal != "" || !contains(var.allowed_actions, "flush")
      error_message = "flush needs a journal: without one a repeated event would flush twice, so that the function refuses it."
    }
    precondition {
      condition     = length(local.settings) <= 20 && length(var.settings) <= 13
      error_message = "FunctionGraph takes 20 variables, and seven are set here. Put more than 13 settings into UPKEEP_SETTINGS, as one JSON object."
    }
    precondition {
      condition     = length(jsonencode(var.settings)) <= 3000
      error_message = "FunctionGraph takes 4,096 characters of variables in all. Keep settings under 3,000 characters as JSON."
    }
  }
}

# A run goes on in further invocations whatever the timeout is; the key pair of an agency does not last longer than a day.
check "timeout" {
  assert {
    condition     = var.timeout <= 82800
    error_message = "The key pair that the platform hands to an invocation lasts 24 hours at most. Keep timeout at 82800 seconds (23 hours) or less: what is not done by then goes on in a further invocation."
  }
}

# The platform's own retry would only replay, and its default is one.
resource "huaweicloud_fgs_async_invoke_configuration" "this" {
  function_urn                   = huaweicloud_fgs_function.this.urn
  max_async_event_age_in_seconds = 3600
  max_async_retry_attempts       = 0

  # Failed events are kept for two weeks where there is a bucket; without one they are told to people, and nowhere else.
  on_failure {
    destination = local.make_bucket ? "OBS" : "SMN"
    param = (
      local.make_bucket
      ? jsonencode({ bucket = local.bucket_name, prefix = "failed-events", expires = 14 })
      : jsonencode({ topic_urn = huaweicloud_smn_topic.reports.id })
    )
  }

  depends_on = [huaweicloud_obs_bucket.this]
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
  count        = local.journal == "" ? 0 : 1
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

resource "huaweicloud_fgs_function_trigger" "alarms" {
  function_urn = huaweicloud_fgs_function.this.urn
  type         = "SMN"
  event_data = jsonencode({
    topic_urn = huaweicloud_smn_topic.alarms.id
  })
}
