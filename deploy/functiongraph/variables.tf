variable "region" {
  type        = string
  description = "Huawei Cloud region of the fleet and of the function."
  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]+", var.region))
    error_message = "Write a region such as cn-north-4."
  }
}

variable "project_id" {
  type        = string
  description = "Project id of the fleet."
  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.project_id))
    error_message = "Write the 32 hexadecimal digits of the project."
  }
}

variable "project_name" {
  type        = string
  description = "Name of that project, for the agency's role."
}

variable "name" {
  type        = string
  description = "Prefix of everything that is made."
  default     = "dcs-upkeep"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "Write 3 to 40 small letters, digits and hyphens, a letter first and no hyphen last: a bucket's name is made of it."
  }
}

variable "package_url" {
  type        = string
  description = "OBS address of the zip, where it is in a bucket of the region already; instead of package_file."
  default     = ""
  validation {
    condition     = var.package_url == "" || startswith(var.package_url, "https://")
    error_message = "Write the https address that OBS shows for the zip."
  }
}

variable "timeout" {
  type        = number
  description = "How long one invocation may take, in seconds. A run goes on in further ones; the key pair that the platform hands out lasts a day."
  default     = 21600
  validation {
    condition     = var.timeout >= 3 && var.timeout <= 259200
    error_message = "FunctionGraph takes 3 to 259200 seconds. Less than 60 is of no use to a run."
  }
}

variable "schedule" {
  type        = string
  description = "When the scheduled plan runs: a cron of six fields, seconds first, with its zone. Use names for days."
  default     = "CRON_TZ=UTC 0 0 3 ? * SUN"
  validation {
    condition     = startswith(var.schedule, "CRON_TZ=")
    error_message = "Begin with CRON_TZ=<zone>: without it the region's zone counts, and the documents disagree on which."
  }
}

variable "schedule_enabled" {
  type        = bool
  description = "Make the timer, when a dry run of its plan has been looked at."
  default     = false
}

variable "scheduled_request" {
  type        = string
  description = "The request that the timer sends, as JSON text of less than 2 KB."
  default     = "{\"action\": \"restart\", \"select\": {\"tags\": {\"upkeep\": \"weekly\"}}, \"dry_run\": true}"
  validation {
    condition     = can(keys(jsondecode(var.scheduled_request))) && length(var.scheduled_request) < 2048
    error_message = "Write one JSON object of less than 2 KB."
  }
}

variable "allowed_actions" {
  type        = list(string)
  description = "Actions that may be asked for; flush and stop are opted into."
  default     = ["restart", "soft_restart", "start"]
  validation {
    condition     = alltrue([for one in var.allowed_actions : contains(["restart", "soft_restart", "flush", "stop", "start"], one)])
    error_message = "Only restart, soft_restart, flush, stop and start are known."
  }
}

variable "max_instances" {
  type        = number
  description = "A plan that would act on more instances is refused whole."
  default     = 100
  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100000
    error_message = "Write 1 to 100000 instances."
  }
}

variable "plans_only" {
  type        = bool
  description = "Take the reviewed plans of plans.json alone."
  default     = false
}

variable "journal" {
  type        = string
  description = "Where runs are recorded: obs makes a bucket; obs://<bucket>/<folder>?region=<region> or dynamodb://<table>?region=<region>&endpoint=https://<GeminiDB> name one that is there; none leaves duplicates untold and flush refused."
  default     = "obs"
  validation {
    condition     = contains(["obs", "none"], var.journal) || can(regex("^obs://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)+[?]region=[a-z]", var.journal)) || startswith(var.journal, "dynamodb://")
    error_message = "Write obs, none, obs://<bucket>/<folder>?region=<region>, or dynamodb://<table>?region=<region>&endpoint=https://<address>."
  }
}

variable "bucket_name" {
  type        = string
  description = "Name of the bucket that is made, where the one that is made up is taken: names are shared by all customers."
  default     = ""
  validation {
    condition     = var.bucket_name == "" || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "Write 3 to 63 small letters, digits and hyphens."
  }
}

variable "encrypt_bucket" {
  type        = bool
  description = "Encrypt what is in the bucket with keys that OBS keeps (SSE-OBS); they need no rights. Set false where the region has none."
  default     = true
}

variable "only_instances" {
  type        = list(string)
  description = "IDs of the instances that the function may act on; empty for all of the project. Reading is not limited by it."
  default     = []
  validation {
    condition     = length(var.only_instances) <= 100 && alltrue([for one in var.only_instances : can(regex("^[0-9a-f-]{36}$", one))])
    error_message = "Write at most 100 instance IDs, such as 4c8a3b1e-0000-4000-8000-000000000000."
  }
}

variable "settings" {
  type        = map(string)
  description = "Further settings of the function (docs/settings.md), such as UPKEEP_NOTIFY."
  default     = {}
  validation {
    condition = alltrue([
      for one in keys(var.settings) : startswith(one, "UPKEEP_") && !contains([
        "UPKEEP_REGION", "UPKEEP_PROJECT_ID", "UPKEEP_TOPICS", "UPKEEP_ALLOWED_ACTIONS", "UPKEEP_MAX_INSTANCES", "UPKEEP_PLANS_ONLY", "UPKEEP_JOURNAL"
      ], one)
    ])
    error_message = "Only names that begin with UPKEEP_, and none that another variable sets."
  }
}

variable "geminidb_user" {
  type        = string
  description = "User of the GeminiDB instance, where the journal is on one."
  default     = ""
  sensitive   = true
}

variable "geminidb_password" {
  type        = string
  description = "Its password; kept in the function's encrypted settings."
  default     = ""
  sensitive   = true
}

variable "vpc_id" {
  type        = string
  description = "VPC of the GeminiDB instance. A function in a VPC reaches DCS, SMN and IAM through its NAT gateway; see make_nat."
  default     = ""
}

variable "subnet_id" {
  type        = string
  description = "Subnet in that VPC."
  default     = ""
}

variable "make_nat" {
  type        = bool
  description = "Make a NAT gateway with an address for that subnet, where the VPC has none. Both are billed."
  default     = false
}

variable "subscriptions" {
  type = list(object({
    protocol  = string
    endpoint  = string
    keyword   = optional(string)
    client_id = optional(string)
  }))
  description = "Who gets reports and alarms: email, sms, https, and the bots dingding, wechat, feishu and welink. Each has to be confirmed within 48 hours."
  default     = []
  validation {
    condition     = alltrue([for one in var.subscriptions : contains(["email", "sms", "https", "dingding", "wechat", "feishu", "welink"], one.protocol)])
    error_message = "A protocol is email, sms, https, dingding, wechat, feishu or welink."
  }
  validation {
    condition = alltrue([
      for one in var.subscriptions : can(regex(
        lookup({ email = "^[^@ ]+@[^@ ]+$", sms = "^[+][0-9]{6,20}$", welink = "^.+$" }, one.protocol, "^https://."), one.endpoint
      ))
    ])
    error_message = "An endpoint is an address for email, a number with its country such as +8613800000000 for sms, a group account for welink, and an https address for the others."
  }
  validation {
    condition     = length(var.subscriptions) <= 100 && length(distinct([for one in var.subscriptions : "${one.protocol} ${one.endpoint}"])) == length(var.subscriptions)
    error_message = "Name each subscriber once, 100 at most."
  }
}

variable "bot_secrets" {
  type        = map(string)
  description = "Endpoint of a bot in subscriptions -> its signing key (dingding, feishu) or its client secret (welink)."
  default     = {}
  sensitive   = true
}

variable "alarm_user" {
  type        = string
  description = "Name of the IAM user in whose name Log Tank Service sends its alarms (My Credentials shows it). Empty: it sends none."
}

variable "alarm_language" {
  type        = string
  description = "Language of those alarms."
  default     = "en-us"
  validation {
    condition     = contains(["en-us", "zh-cn"], var.alarm_language)
    error_message = "Write en-us or zh-cn."
  }
}

variable "report_services" {
  type        = list(string)
  description = "Services that may publish to the topic of reports, by their names in topic policies. Cloud Eye is ces; Log Tank Service sends through AOM, which is apm."
  default     = ["ces", "apm"]
  validation {
    condition     = length(var.report_services) <= 10 && alltrue([for one in var.report_services : can(regex("^[a-z]{2,20}$", one))])
    error_message = "Write names of services in small letters, such as ces."
  }
}

variable "silent_for_days" {
  type        = number
  description = "Alarm when no run was reported for so many days; made with the schedule."
  default     = 7
  validation {
    condition     = var.silent_for_days >= 1 && var.silent_for_days <= 7
    error_message = "Write 1 to 7 days."
  }
}

variable "log_days" {
  type        = number
  description = "How long logs are kept, in days."
  default     = 90
  validation {
    condition     = var.log_days >= 1 && var.log_days <= 365
    error_message = "Write 1 to 365 days."
  }
}
