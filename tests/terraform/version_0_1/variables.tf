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
}

variable "package_url" {
  type        = string
  description = "OBS address of the zip that `make package HOST=functiongraph` built."
  validation {
    condition     = startswith(var.package_url, "https://")
    error_message = "Upload the zip to an OBS bucket of the region and write its https address."
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
    condition     = can(jsondecode(var.scheduled_request)) && length(var.scheduled_request) < 2048
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
  description = "Where runs are recorded: dynamodb://<table>?region=<region>&endpoint=https://<GeminiDB>. Empty for none: then duplicates are not told, and flush is refused."
  default     = ""
  validation {
    condition     = var.journal == "" || startswith(var.journal, "dynamodb://")
    error_message = "Write dynamodb://<table>?region=<region>&endpoint=https://<address>."
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

variable "report_email" {
  type        = string
  description = "An address that gets reports; empty for none."
  default     = ""
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
