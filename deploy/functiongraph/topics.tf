# Whoever may publish here may ask for what the settings allow: the account itself, and no cloud service.
resource "huaweicloud_smn_topic" "requests" {
  name         = "${var.name}-requests"
  display_name = "DCS Upkeep requests"
}

# Alarms of DCS instances, which `alarms` of plans.json answers. Cloud Eye may publish here, and no other service.
resource "huaweicloud_smn_topic" "alarms" {
  name                     = "${var.name}-alarms"
  display_name             = "DCS Upkeep alarms"
  services_publish_allowed = "ces"
}

# To people: reports, and what the alarms about the function itself say. It triggers nothing.
resource "huaweicloud_smn_topic" "reports" {
  name                     = "${var.name}-reports"
  display_name             = "DCS Upkeep"
  services_publish_allowed = join(",", var.report_services)
  introduction             = "Reports of DCS Upkeep. Confirm within 48 hours."
}

resource "huaweicloud_smn_subscription" "reports" {
  for_each  = { for one in var.subscriptions : "${one.protocol} ${one.endpoint}" => one }
  topic_urn = huaweicloud_smn_topic.reports.id
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
  remark    = "reports of ${var.name}"

  dynamic "extension" {
    for_each = contains(["dingding", "feishu", "welink"], each.value.protocol) ? [each.value] : []
    content {
      keyword       = extension.value.keyword
      client_id     = extension.value.client_id
      sign_secret   = extension.value.protocol == "welink" ? null : lookup(var.bot_secrets, extension.value.endpoint, null)
      client_secret = extension.value.protocol == "welink" ? lookup(var.bot_secrets, extension.value.endpoint, null) : null
    }
  }

  lifecycle {
    precondition {
      condition = (
        !contains(["dingding", "feishu"], each.value.protocol)
        || each.value.keyword != null
        || contains(keys(var.bot_secrets), each.value.endpoint)
      )
      error_message = "A bot of DingTalk or Lark needs a keyword in its subscription, or its signing key in bot_secrets under its address."
    }
    precondition {
      condition = (
        each.value.protocol != "welink"
        || (each.value.client_id != null && contains(keys(var.bot_secrets), each.value.endpoint))
      )
      error_message = "A WeLink group needs client_id in its subscription, and its client secret in bot_secrets under its account."
    }
  }
}
