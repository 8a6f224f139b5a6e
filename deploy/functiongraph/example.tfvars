region       = "cn-north-4"
project_id   = "0123456789abcdef0123456789abcdef"
project_name = "cn-north-4"
package_file = "../../dist/dcs-upkeep-functiongraph-py312.zip"
alarm_user   = "name-of-an-iam-user"

subscriptions = [
  { protocol = "email", endpoint = "sre@example.com" },
]
