# The attributes used here were read in the documents of the provider's repository, each at the commit that tests/terraform/resources.json
# names, and applied by a stand-in that takes those attributes alone. Nothing was applied to a real account.
# 1.78.5 is pinned: the newest release that could be seen to be one, and later than what brought the newest of these arguments (in 1.74.0).
# Raise it when a plan of yours has shown no change.
terraform {
  required_version = ">= 1.5"
  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = "1.78.5"
    }
  }
}

provider "huaweicloud" {
  region = var.region
}
