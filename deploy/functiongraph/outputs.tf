output "next" {
  description = "What is left to do by hand."
  value = join(" ", compact([
    length(var.subscriptions) == 0 ? "Nobody gets reports: set subscriptions." : "Each of ${length(var.subscriptions)} subscribers is asked to confirm, by mail, SMS or a call of its address: do it within 48 hours. Until then nothing is delivered, and nobody is told.",
    local.notify ? "" : "Log Tank Service sends no alarms: set alarm_user.",
    "Rights of an agency take about ten minutes to arrive. Then send events/direct-dry-run.json to the function as a test event.",
    var.schedule_enabled ? "" : "The schedule is off: set schedule_enabled when a dry run has been looked at.",
  ]))
}

output "function_urn" {
  description = "The function; invoke it with a test event."
  value       = huaweicloud_fgs_function.this.urn
}

output "request_topic_urn" {
  description = "Where requests are published to."
  value       = huaweicloud_smn_topic.requests.id
}

output "alarm_topic_urn" {
  description = "The topic to name in Cloud Eye's alarm rules about DCS instances, for alarms that plans.json answers."
  value       = huaweicloud_smn_topic.alarms.id
}

output "report_topic_urn" {
  description = "Where reports go, and the alarms about the function itself."
  value       = huaweicloud_smn_topic.reports.id
}

output "journal" {
  description = "Where runs are recorded: UPKEEP_JOURNAL for the command line. Empty without a journal."
  value       = local.journal
}

output "failed_events" {
  description = "Where events are kept that were refused or met a fault."
  value       = local.make_bucket ? "obs://${local.bucket_name}/failed-events" : huaweicloud_smn_topic.reports.id
}

output "log_group" {
  description = "Where the log is, in Log Tank Service."
  value       = huaweicloud_lts_group.this.group_name
}
