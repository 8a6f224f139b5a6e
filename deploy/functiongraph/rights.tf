# Least privilege: the rights of the calls that the code makes, no wildcard among the actions, and resources wherever policies of this
# kind have a form for them: DCS, FunctionGraph and OBS document one, SMN and Cloud Eye do not.
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
          "dcs:instance:getDataBackupLog",
          "ces:alarmHistory:list",
          "smn:topic:publish"
        ]
      },
      {
        Effect   = "Allow"
        Action   = ["dcs:instance:modifyStatus", "dcs:instance:backupData"]
        Resource = [for one in coalescelist(var.only_instances, ["*"]) : "DCS:*:*:instance:${one}"]
      },
      {
        Effect   = "Allow"
        Action   = ["functiongraph:function:invokeAsync"]
        Resource = ["FunctionGraph:*:*:function:default/${var.name}"]
      }
    ]
  })
}

# The journal's folder, and the look at the bucket that doctor takes. ListBucket is there for what no call asks: a store of this kind
# answers 403 instead of 404 for an object that is not there to whoever may not list (documented for S3, not for OBS).
resource "huaweicloud_identity_role" "journal" {
  count       = local.on_obs ? 1 : 0
  name        = "${var.name}-journal"
  description = "The journal of DCS Upkeep."
  type        = "AX"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["obs:object:PutObject", "obs:object:GetObject"]
        Resource = ["obs:*:*:object:${local.journal_bucket}/${local.journal_folder}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["obs:bucket:ListBucket", "obs:bucket:GetLifecycleConfiguration", "obs:bucket:GetBucketVersioning"]
        Resource = ["obs:*:*:bucket:${local.journal_bucket}"]
      }
    ]
  })
}

# OBS is a global service: a role for one region's project does nothing there. The role itself names the one bucket.
resource "huaweicloud_identity_agency" "this" {
  name                   = var.name
  description            = "Lets the function act on DCS, publish, keep its journal, and call itself."
  delegated_service_name = "op_svc_cff"
  all_resources_roles    = local.on_obs ? [huaweicloud_identity_role.journal[0].name] : null

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.this.name]
  }
}

# What the platform does in the function's name: it keeps failed events, and in a VPC it makes network ports. The code has no use for
# these rights, so they go to an agency of their own: `agency` is the platform's, `app_agency` is what context hands out.
resource "huaweicloud_identity_role" "platform" {
  name        = "${var.name}-platform"
  description = "What FunctionGraph does in the name of DCS Upkeep."
  type        = "XA"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect = "Allow"
        Action = concat(
          ["smn:topic:publish"],
          local.in_vpc ? ["vpc:ports:create", "vpc:ports:delete", "vpc:ports:get", "vpc:subnets:get", "vpc:vpcs:get"] : []
        )
      }
    ]
  })
}

resource "huaweicloud_identity_role" "failed_events" {
  count       = local.make_bucket ? 1 : 0
  name        = "${var.name}-failed-events"
  description = "Where FunctionGraph keeps events of DCS Upkeep that failed."
  type        = "AX"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["obs:object:PutObject"]
        Resource = ["obs:*:*:object:${local.bucket_name}/failed-events*"]
      }
    ]
  })
}

resource "huaweicloud_identity_agency" "platform" {
  name                   = "${var.name}-platform"
  description            = "Lets FunctionGraph keep failed events, and run the function in a VPC."
  delegated_service_name = "op_svc_cff"
  all_resources_roles    = local.make_bucket ? [huaweicloud_identity_role.failed_events[0].name] : null

  project_role {
    project = var.project_name
    roles   = [huaweicloud_identity_role.platform.name]
  }
}
