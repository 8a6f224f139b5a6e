# The same three alarms as on AWS: a run failed, an event failed, silence. All of them go to the topic of reports.
resource "huaweicloud_lts_group" "this" {
  group_name  = var.name
  ttl_in_days = var.log_days
}

resource "huaweicloud_lts_stream" "this" {
  group_id    = huaweicloud_lts_group.this.id
  stream_name = var.name
}

locals {
  # Words of one line, as Log Tank Service cuts it: JSON's quotes, colons and brackets divide, dots and underscores do not. What a sweep
  # says always holds the word failed, so that a run is told by its report_version, and a sweep that failed by its level.
  words_run_failed = "run.reported and (fault or (report_version and (failed or partial)) or (sweep and resumed and error))"
  words_run        = "run.reported and report_version"
  words_not_fine   = "instance.verified and not (completed or accepted or skipped)"
  notify           = var.alarm_user != ""
}

resource "huaweicloud_lts_keywords_alarm_rule" "run_failed" {
  name               = "${var.name}-run-failed"
  description        = "A run failed, wholly or in part. See docs/operate.md."
  alarm_level        = "MAJOR"
  send_notifications = local.notify

  keywords_requests {
    keywords               = local.words_run_failed
    condition              = ">="
    number                 = 1
    log_group_id           = huaweicloud_lts_group.this.id
    log_group_name         = huaweicloud_lts_group.this.group_name
    log_stream_id          = huaweicloud_lts_stream.this.id
    log_stream_name        = huaweicloud_lts_stream.this.stream_name
    search_time_range_unit = "minute"
    search_time_range      = 5
  }

  frequency {
    type            = "FIXED_RATE"
    fixed_rate_unit = "minute"
    fixed_rate      = 5
  }

  dynamic "notification_save_rule" {
    for_each = local.notify ? [var.alarm_user] : []
    content {
      template_name = "keywords_template"
      user_name     = notification_save_rule.value
      language      = var.alarm_language
      timezone      = "UTC"

      topics {
        name         = huaweicloud_smn_topic.reports.name
        topic_urn    = huaweicloud_smn_topic.reports.id
        display_name = huaweicloud_smn_topic.reports.display_name
        push_policy  = 0
      }
    }
  }
}

# Without a schedule silence is expected. The service looks back 24 hours at most, so that a day is asked each day.
resource "huaweicloud_lts_keywords_alarm_rule" "silence" {
  count                       = var.schedule_enabled ? 1 : 0
  name                        = "${var.name}-silence"
  description                 = "No run was reported for longer than expected. See docs/operate.md."
  alarm_level                 = "MAJOR"
  send_notifications          = local.notify
  trigger_condition_count     = var.silent_for_days
  trigger_condition_frequency = var.silent_for_days

  keywords_requests {
    keywords               = local.words_run
    condition              = "<"
    number                 = 1
    log_group_id           = huaweicloud_lts_group.this.id
    log_group_name         = huaweicloud_lts_group.this.group_name
    log_stream_id          = huaweicloud_lts_stream.this.id
    log_stream_name        = huaweicloud_lts_stream.this.stream_name
    search_time_range_unit = "hour"
    search_time_range      = 24
  }

  frequency {
    type        = "DAILY"
    hour_of_day = 9
  }

  dynamic "notification_save_rule" {
    for_each = local.notify ? [var.alarm_user] : []
    content {
      template_name = "keywords_template"
      user_name     = notification_save_rule.value
      language      = var.alarm_language
      timezone      = "UTC"

      topics {
        name         = huaweicloud_smn_topic.reports.name
        topic_urn    = huaweicloud_smn_topic.reports.id
        display_name = huaweicloud_smn_topic.reports.display_name
        push_policy  = 0
      }
    }
  }
}

# An invocation that failed: its event was refused or met a fault, and is kept with the failed events.
resource "huaweicloud_ces_alarmrule" "failed_event" {
  alarm_name           = "${var.name}-failed-event"
  alarm_description    = "An event was refused or met a fault, and is kept. See docs/operate.md."
  alarm_enabled        = true
  alarm_action_enabled = true
  alarm_type           = "MULTI_INSTANCE"

  metric {
    namespace = "SYS.FunctionGraph"
  }

  resources {
    dimensions {
      name  = "package-functionname"
      value = "default-${huaweicloud_fgs_function.this.name}"
    }
  }

  condition {
    metric_name         = "failcount"
    period              = 300
    filter              = "max"
    comparison_operator = ">="
    value               = 1
    count               = 1
    suppress_duration   = 3600
    alarm_level         = 2
  }

  alarm_actions {
    type              = "notification"
    notification_list = [huaweicloud_smn_topic.reports.id]
  }
}

resource "huaweicloud_lts_search_criteria" "runs" {
  log_group_id  = huaweicloud_lts_group.this.id
  log_stream_id = huaweicloud_lts_stream.this.id
  name          = "${var.name}-runs"
  criteria      = local.words_run
  type          = "ORIGINALLOG"
}

resource "huaweicloud_lts_search_criteria" "not_fine" {
  log_group_id  = huaweicloud_lts_group.this.id
  log_stream_id = huaweicloud_lts_stream.this.id
  name          = "${var.name}-instances-that-are-not-fine"
  criteria      = local.words_not_fine
  type          = "ORIGINALLOG"
}
