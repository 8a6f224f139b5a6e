"""What services of AWS send to functions, and none of which asks for anything here. The first that fits counts.

Shapes: the sample events of Powertools for AWS Lambda, aws-lambda-go and `sam local generate-event`, and AWS's developer guides.
"""

from __future__ import annotations

from dcs_upkeep.triggers.shapes import shape

WEBSOCKET = "requestContext/eventType requestContext/routeKey"

# Requests and challenges that wait for an answer.
ASKING = (
    shape("a Cognito user pool trigger", "triggerSource", "userPoolId", details="triggerSource"),
    shape("a Cognito user pool trigger", "triggerSource", "request", "response", details="triggerSource"),
    shape("a Cognito user pool trigger", "callerContext", "userPoolId"),
    shape("a Cognito Sync trigger", "identityPoolId", "datasetName", details="datasetName"),
    shape("an API Gateway authorizer request", "type=TOKEN|REQUEST", "methodArn", details="type"),
    shape("an API Gateway authorizer request", "type=TOKEN|REQUEST", "routeArn", details="type"),
    shape("an API Gateway authorizer request", "authorizationToken", "methodArn"),
    shape("an API Gateway authorizer request", "type=TOKEN|REQUEST", "requestContext/apiId", details="type"),
    shape("an AppSync authorizer request", "authorizationToken", "requestContext/apiId"),
    shape("an AppSync authorizer request", "authorizationToken", "requestContext/queryString"),
    shape("an AppSync Events request", "info/channel", details="info/operation info/channel/path"),
    shape("an AppSync Events request", "info/channelNamespace", details="info/operation"),
    shape("an AppSync resolver request", "info/fieldName", details="info/parentTypeName info/fieldName"),
    shape("an AppSync resolver request", "fieldName", "arguments", details="typeName parentTypeName fieldName"),
    shape("an AppSync resolver request", "identity", "arguments", "source"),
    shape("an AppSync resolver request", "arguments", "prev", "stash"),
    shape("an AppSync resolver request", "operation=Invoke|BatchInvoke", "payload", details="operation payload/field"),
    shape("an Alexa skill request", "session", "request/type", details="request/type request/intent/name"),
    shape("an Alexa skill request", "context/System", "request/type", details="request/type request/intent/name"),
    shape("an Alexa skill request", "session/application/applicationId", "request"),
    shape("an Alexa smart home directive", "directive/header", details="directive/header/namespace directive/header/name"),
    shape("an Alexa smart home directive", "header/namespace^Alexa", details="header/namespace header/name"),
    # API Gateway and VPC Lattice show an exception to the caller as a fault of the server (500, 502), and send nothing again.
    shape("an API Gateway WebSocket event", "requestContext/connectionId", details=WEBSOCKET, http=True),
    shape("an API Gateway WebSocket event", "requestContext/eventType=CONNECT|MESSAGE|DISCONNECT", details=WEBSOCKET, http=True),
    shape("a VPC Lattice request", "requestContext/serviceNetworkArn", details="method path", http=True),
    shape("a VPC Lattice request", "requestContext/serviceArn*:vpc-lattice:", details="method path", http=True),
    shape("a VPC Lattice request", "requestContext/targetGroupArn*:vpc-lattice:", details="method path", http=True),
    shape("a VPC Lattice request", "raw_path", "headers", details="method raw_path", http=True),
    shape("a VPC Lattice request", "raw_path", "method", details="method raw_path", http=True),
    shape("an API Gateway request by a mapping template", "body-json", "params", details="context/http-method context/resource-path"),
    shape("an API Gateway request by a mapping template", "method", "stage", "stageVariables", details="method"),
    shape("a Bedrock agent request", "agent", "actionGroup", details="actionGroup apiPath function"),
    shape("a Bedrock agent request", "actionGroup", "sessionId", details="actionGroup apiPath function"),
    shape("a Bedrock knowledge base transformation", "knowledgeBaseId", "dataSourceId", details="knowledgeBaseId"),
    shape("a Lex V2 request", "sessionState", "bot", details="invocationSource bot/name sessionState/intent/name"),
    shape("a Lex V2 request", "interpretations", "sessionId", details="invocationSource"),
    shape("a Lex V1 request", "currentIntent", "bot", details="invocationSource bot/name currentIntent/name"),
    shape("a Lex request", "invocationSource=DialogCodeHook|FulfillmentCodeHook", details="invocationSource"),
    shape("an Amazon Connect contact flow event", "Details/ContactData", details="Name"),
    shape("an Amazon Connect contact flow event", "Name=ContactFlowEvent"),
    shape("a CloudFormation custom resource request", "RequestType", "ResponseURL", details="RequestType ResourceType"),
    shape("a CloudFormation response", "Status", "PhysicalResourceId", details="Status"),
    shape("a CloudFormation custom resource request", "StackId", "LogicalResourceId", details="RequestType ResourceType"),
    shape("a CloudFormation hook request", "hookTypeName", "actionInvocationPoint", details="hookTypeName actionInvocationPoint"),
    shape("a CloudFormation macro request", "fragment", "transformId", details="transformId"),
    shape("an S3 Object Lambda request", "xAmzRequestId", "userRequest"),
    shape("an S3 Object Lambda request", "getObjectContext"),
    shape("an S3 batch operations task", "invocationSchemaVersion", "tasks", details="job/id"),
    shape("a Secrets Manager rotation step", "Step", "SecretId", details="Step SecretId"),
    shape("a Config rule evaluation", "invokingEvent", "resultToken", details="configRuleName"),
    shape("a Config rule evaluation", "invokingEvent", "configRuleArn", details="configRuleName"),
    shape("a CodePipeline job", "CodePipeline.job", details="CodePipeline.job/id"),
    shape("a CodeDeploy lifecycle hook", "LifecycleEventHookExecutionId", details="DeploymentId"),
    shape("a Transfer Family authorizer request", "serverId", "protocol", "username", details="serverId protocol"),
    shape("a Transfer Family workflow step", "serviceMetadata/executionDetails", "fileLocation"),
    shape("a Client VPN connection request", "connection-id", "endpoint-id", details="endpoint-id"),
    shape("an IoT authorizer request", "protocolData", "protocols"),
    shape("an IoT authorizer request", "mqttContext", "token"),
    shape("an IoT authorizer request", "signatureVerified", "connectionMetadata"),
    shape("an IoT provisioning request", "claimCertificateId", "templateArn"),
    shape("an IoT provisioning request", "certificateId", "templateArn"),
    shape("a SageMaker Ground Truth task", "labelingJobArn", details="labelingJobArn"),
    shape("a CloudWatch dashboard widget request", "widgetContext", details="widgetContext/dashboardName"),
    shape("a CloudWatch data source request", "EventType=GetMetricData|DescribeGetMetricData", details="EventType"),
    shape("a Redshift UDF call", "external_function", "arguments", details="external_function"),
    shape("a Bedrock flow request", "flow", "node", "messageVersion", details="node/name"),
    shape("a Lambda durable execution", "DurableExecutionArn", "CheckpointToken", details="DurableExecutionArn"),
    shape(
        "an Amazon Connect campaign event", "InvocationMetadata/CampaignContext", details="InvocationMetadata/CampaignContext/CampaignName"
    ),
    shape("a Chime request", "InvocationEventType", "CallDetails", details="InvocationEventType"),
    shape("a Chime request", "Sender/SenderId", "Discussion", details="EventType"),
    shape("a WorkMail event", "summaryVersion", "envelope", details="flowDirection subject"),
    shape("a Pinpoint campaign event", "CampaignId", "Endpoints", details="CampaignId"),
)

CLOUDTRAIL = "Records/0/eventSource Records/0/eventName"

# Batches of records.
BATCHES = (
    shape("a DynamoDB stream's time window", "window", "eventSourceARN*:dynamodb:", details="eventSourceARN"),
    shape("a DynamoDB stream's time window", "window", "Records/0/eventSource=aws:dynamodb", details="Records/0/eventSourceARN"),
    shape("a Kinesis stream's time window", "window", "eventSourceARN*:kinesis:", details="eventSourceARN"),
    shape("a Kinesis stream's time window", "window", "Records/0/eventSource=aws:kinesis", details="Records/0/eventSourceARN"),
    shape("a stream's time window", "isFinalInvokeForWindow"),
    shape("an OBS notification", "Records/0/obs", details="Records/0/eventName Records/0/obs/bucket/name"),
    shape("an OBS notification", "Records/0/eventSource=OBS", details="Records/0/eventName Records/0/s3/bucket/name"),
    # OBS on FunctionGraph writes these as S3 does, with `aws:s3` and all.
    shape("an OBS or S3 notification", "Records/0/s3", details="Records/0/eventSource Records/0/eventName Records/0/s3/bucket/name"),
    shape("an OBS or S3 notification", "Records/0/eventSource=aws:s3", details="Records/0/eventSource Records/0/eventName"),
    shape("an S3 test notification", "Event^s3:", details="Event Bucket"),
    shape("a batch of DynamoDB stream records", "Records/0/dynamodb", details="Records/0/eventName Records/0/eventSourceARN"),
    shape("a batch of DynamoDB stream records", "Records/0/eventSource=aws:dynamodb", details="Records/0/eventName"),
    shape("a batch of Kinesis records", "Records/0/kinesis", details="Records/0/eventSourceARN"),
    shape("a batch of Kinesis records", "Records/0/eventSource=aws:kinesis"),
    # EventBridge Pipes sends them as a list, without an envelope.
    shape(
        "a record of SQS, Kinesis or DynamoDB outside its envelope", "eventSource=aws:sqs|aws:kinesis|aws:dynamodb", details="eventSource"
    ),
    shape("a CodeCommit trigger", "Records/0/codecommit", details="Records/0/eventName Records/0/eventSourceARN"),
    shape("a CodeCommit trigger", "Records/0/eventSource=aws:codecommit"),
    shape("an SES event", "Records/0/ses", details="Records/0/ses/mail/source"),
    shape("an SES event", "Records/0/eventSource=aws:ses"),
    shape("an SES notification", "mail/messageId", details="notificationType eventType"),
    shape("a CloudTrail record", "Records/0/eventVersion", "Records/0/eventSource*.amazonaws.com", details=CLOUDTRAIL),
    shape("a CloudFront Lambda@Edge event", "Records/0/cf", details="Records/0/cf/config/eventType Records/0/cf/config/distributionId"),
    shape("an event of a Records service", "Records/0/eventSource", details="Records/0/eventSource Records/0/eventName"),
    shape("an event of a Records service", "Records/0/EventSource", details="Records/0/EventSource"),
    shape("a batch of Kafka records of Lambda", "eventSource=aws:kafka|SelfManagedKafka|aws:SelfManagedKafka", details="eventSource"),
    shape("a batch of ActiveMQ messages", "eventSource=aws:mq|aws:amq", details="eventSourceArn"),
    shape("a batch of RabbitMQ messages", "eventSource=aws:rmq", details="eventSourceArn"),
    shape("a batch of RabbitMQ messages", "rmqMessagesByQueue", details="eventSourceArn"),
    shape("a batch of DocumentDB changes", "eventSource=aws:docdb", details="eventSourceArn"),
    shape("a batch of Firehose records", "deliveryStreamArn", "records", details="deliveryStreamArn"),
    shape("a batch of Kinesis Analytics records", "applicationArn", "records", details="applicationArn"),
    shape("a batch of Firehose records", "invocationId", "records/0/recordId"),
    shape("a CloudWatch Logs event", "awslogs"),
    shape("a stream's failure record", "DDBStreamBatchInfo", details="requestContext/condition DDBStreamBatchInfo/streamArn"),
    shape("a stream's failure record", "KinesisBatchInfo", details="requestContext/condition KinesisBatchInfo/streamArn"),
    shape("a stream's failure record", "KafkaBatchInfo", details="requestContext/condition KafkaBatchInfo/eventSourceArn"),
    # (One that still has its event in it is taken as that event.)
    shape("a record of a failed invocation without its event", "requestContext/functionArn", details="requestContext/condition"),
)

# Notifications on their own or in the message of a topic.
TELLING = (
    shape("a CloudWatch alarm", "AlarmName", "NewStateValue", details="AlarmName NewStateValue"),
    shape("a CloudWatch alarm", "alarmData", "alarmArn", details="alarmData/alarmName alarmData/state/value"),
    shape("a CloudWatch alarm", "alarmData/alarmName", details="alarmData/alarmName alarmData/state/value"),
    shape("an Auto Scaling notification", "Event^autoscaling:", details="Event AutoScalingGroupName"),
    shape("an Auto Scaling notification", "LifecycleTransition", details="LifecycleTransition"),
    shape("an RDS event", "Event Source", "Event Message", details=("Event Source", "Source ID")),
    shape("an IoT button event", "clickType", "serialNumber", details="clickType"),
    shape("an IoT 1-Click event", "deviceEvent", "deviceInfo", details="deviceInfo/type"),
    shape("an IoT registry event", "eventType^THING_", "operation", details="eventType operation"),
    shape("an IoT device event", "clientId", "sessionIdentifier", details="eventType clientId"),
    shape("a Step Functions context", "Execution/Id", "StateMachine", details="StateMachine/Name"),
    shape("a Step Functions error", "Error", "Cause", details="Error"),
    shape("a Batch job", "jobName", "jobQueue", details="jobName status"),
    shape("an AppConfig extension event", "ConfigurationProfile", "InvocationId", details="Type"),
)

SHAPES = (*ASKING, *BATCHES, *TELLING)
