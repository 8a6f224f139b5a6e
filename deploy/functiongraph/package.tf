# How the zip reaches the function. A template for RFS may read no file, so that it has a page of its own instead (tools/rfs.py).
variable "package_file" {
  type        = string
  description = "The zip on this machine that `make package HOST=functiongraph` built; it is uploaded, and a new one updates the function."
  default     = ""
  validation {
    condition     = var.package_file == "" || fileexists(var.package_file)
    error_message = "There is no such file. Build it by make package HOST=functiongraph, and write its path in full, or as seen from this folder."
  }
}

locals {
  from_file      = var.package_file != ""
  packages_named = (local.from_file ? 1 : 0) + (var.package_url != "" ? 1 : 0)
  # The name of the object carries the hash of the zip, so that another zip is another address.
  package_key = local.from_file ? "packages/${var.name}-${substr(filesha256(var.package_file), 0, 16)}.zip" : ""
  code_url    = local.from_file ? "https://${huaweicloud_obs_bucket.this[0].bucket_domain_name}/${huaweicloud_obs_bucket_object.package[0].key}" : var.package_url
}

resource "huaweicloud_obs_bucket_object" "package" {
  count        = local.from_file ? 1 : 0
  bucket       = huaweicloud_obs_bucket.this[0].bucket
  key          = local.package_key
  source       = var.package_file
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true
  }
}
