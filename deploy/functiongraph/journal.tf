# Where runs are recorded. By default an OBS bucket of its own, which needs no VPC; a GeminiDB instance or a bucket that is there is named
# by its address; "none" is possible, and then duplicates are not told and flush is refused.
locals {
  own_bucket  = var.journal == "obs"
  on_geminidb = startswith(var.journal, "dynamodb://")
  bucket_name = var.bucket_name != "" ? var.bucket_name : "${var.name}-${substr(sha256("${var.project_id}/${var.region}"), 0, 12)}"
  make_bucket = local.own_bucket || local.from_file

  journal = local.own_bucket ? "obs://${local.bucket_name}/journal?region=${var.region}" : (var.journal == "none" ? "" : var.journal)
  # Bucket and folder of a journal on OBS, whoever made the bucket.
  on_obs         = startswith(local.journal, "obs://")
  journal_bucket = local.on_obs ? regex("^obs://([^/?]+)", local.journal)[0] : ""
  journal_folder = local.on_obs ? regex("^obs://[^/?]+/([^?]*[^?/])", local.journal)[0] : ""

  in_vpc = var.vpc_id != ""
}

# Private, and without versions: an append to an object with versions would keep each of them.
resource "huaweicloud_obs_bucket" "this" {
  count         = local.make_bucket ? 1 : 0
  bucket        = local.bucket_name
  acl           = "private"
  storage_class = "STANDARD"
  versioning    = false
  encryption    = var.encrypt_bucket
  sse_algorithm = var.encrypt_bucket ? "AES256" : null
  force_destroy = false

  # What may lapse lies in a folder of its own. Days count from the last append, and runs are told for less than half of them.
  lifecycle_rule {
    name    = "journal"
    prefix  = "journal/expiring"
    enabled = true

    expiration {
      days = 140
    }
  }
}

# A function in a VPC reaches DCS, SMN and IAM through the VPC's own way out, or not at all. Only a journal on GeminiDB needs one.
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
