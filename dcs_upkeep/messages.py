from dcs_upkeep.ports import Message
import json
def compose(report, max_bytes=250_000):
    return Message(f"{report['status']}", json.dumps(report))
