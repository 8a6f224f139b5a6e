"""Small events of AWS's services, in the shapes of the published samples: what arrives -> the name that it must get."""

from __future__ import annotations

import json
from typing import Any

ARN = "arn:aws:{}:eu-central-1:123456789012:{}".format
CONTEXT = {"requestId": "r1", "apiId": "a", "stage": "prod", "accountId": "123456789012"}


def pool(trigger: str, **request: Any) -> dict[str, Any]:
    return {"version": "1", "triggerSource": trigger, "region": "eu-central-1", "userPoolId": "p", "request": request, "response": {}}


def rows(source: str, **row: Any) -> dict[str, Any]:
    return {"Records": [{"eventSource": source, "awsRegion": "eu-central-1", **row}]}


def rule(source: str, detail_type: str, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "b1",
        "source": source,
        "detail-type": detail_type,
        "account": "123456789012",
        "time": "2026-11-24T02:59:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail,
    }


def s3(name: str) -> dict[str, Any]:
    return rows("aws:s3", eventName=name, s3={"bucket": {"name": "photos"}, "object": {"key": "a.txt"}})


COGNITO = [
    "PreSignUp_SignUp",
    "PreSignUp_AdminCreateUser",
    "PostConfirmation_ConfirmSignUp",
    "PreAuthentication_Authentication",
    "PostAuthentication_Authentication",
    "CustomMessage_SignUp",
    "CustomEmailSender_SignUp",
    "CustomSMSSender_SignUp",
    "DefineAuthChallenge_Authentication",
    "CreateAuthChallenge_Authentication",
    "VerifyAuthChallengeResponse_Authentication",
    "TokenGeneration_Authentication",
    "UserMigration_Authentication",
    "InboundFederation_ExternalProvider",
]
RULES = {
    "aws.s3": "Object Created",
    "aws.ecr": "ECR Image Action",
    "aws.ec2": "EC2 Instance State-change Notification",
    "aws.ecs": "ECS Task State Change",
    "aws.guardduty": "GuardDuty Finding",
    "aws.health": "AWS Health Event",
    "aws.autoscaling": "EC2 Instance Launch Successful",
    "aws.codebuild": "CodeBuild Build State Change",
    "aws.codecommit": "CodeCommit Repository State Change",
    "aws.codedeploy": "CodeDeploy Deployment State-change Notification",
    "aws.cloudwatch": "CloudWatch Alarm State Change",
    "aws.config": "Config Rules Compliance Change",
    "aws.rds": "RDS DB Instance Event",
    "aws.batch": "Batch Job State Change",
    "aws.trustedadvisor": "Trusted Advisor Check Item Refresh Notification",
    "aws.signin": "AWS Console Sign In via CloudTrail",
    "aws.secretsmanager": "AWS API Call via CloudTrail",
    "my.shop": "Order Placed",
}
ALARM = {"alarmName": "cpu", "state": {"value": "ALARM"}}
STREAM_WINDOW = {"window": {"start": "a", "end": "b"}, "state": {}, "shardId": "s", "isFinalInvokeForWindow": True, "Records": []}

SAMPLES: list[tuple[str, Any]] = [
    *((f"Cognito user pool trigger ({name})", pool(name, userAttributes={})) for name in COGNITO),
    ("Cognito Sync", {"datasetName": "d", "identityPoolId": "p", "identityId": "i", "datasetRecords": {}, "eventType": "SyncTrigger"}),
    *((f"EventBridge event ({name} from {source})", rule(source, name, state="x", name="n")) for source, name in RULES.items()),
    ("CodePipeline Action Execution State Change", rule("aws.codepipeline", "CodePipeline Action Execution State Change", action="Deploy")),
    ("Step Functions Execution Status Change", rule("aws.states", "Step Functions Execution Status Change", name="n", status="FAILED")),
    ("Scheduled Event", rule("aws.events", "Scheduled Event")),
    ("AppSync resolver", {"arguments": {}, "identity": None, "source": None, "request": {"headers": {}}, "info": {"fieldName": "f"}}),
    ("AppSync resolver", {"typeName": "Query", "fieldName": "post", "arguments": {"id": "1"}, "request": {"headers": {}}}),
    ("AppSync resolver", {"version": "2017-02-28", "operation": "Invoke", "payload": {"field": "getPost"}}),
    ("AppSync resolver", [{"typeName": "Query", "fieldName": "post", "arguments": {}, "request": {}}]),
    ("AppSync authorizer", {"authorizationToken": "t", "requestContext": {"apiId": "a", "queryString": "query"}}),
    (
        "AppSync Events request (PUBLISH",
        {"request": {}, "info": {"channel": {"path": "/d"}, "operation": "PUBLISH"}, "events": [{"id": "1"}]},
    ),
    ("Alexa skill request (LaunchRequest)", {"version": "1.0", "session": {"new": True}, "request": {"type": "LaunchRequest"}}),
    ("Alexa skill", {"version": "1.0", "session": {}, "request": {"type": "IntentRequest", "intent": {"name": "MyColorIs"}}}),
    ("Alexa skill", {"version": "1.0", "context": {"System": {}}, "request": {"type": "AudioPlayer.PlaybackStarted"}}),
    ("Alexa smart home", {"header": {"namespace": "Alexa.ConnectedHome.Control", "name": "TurnOnRequest"}, "payload": {}}),
    ("Alexa smart home", {"directive": {"header": {"namespace": "Alexa.Discovery", "name": "Discover"}, "payload": {}}}),
    ("API Gateway authorizer request (TOKEN)", {"type": "TOKEN", "authorizationToken": "t", "methodArn": ARN("execute-api", "a/*/GET/")}),
    ("API Gateway authorizer", {"type": "REQUEST", "methodArn": ARN("execute-api", "a"), "requestContext": CONTEXT, "httpMethod": "GET"}),
    ("API Gateway authorizer", {"version": "2.0", "type": "REQUEST", "routeArn": ARN("execute-api", "a"), "requestContext": CONTEXT}),
    ("API Gateway WebSocket event (CONNECT", {"requestContext": {**CONTEXT, "eventType": "CONNECT", "connectionId": "c"}}),
    ("API Gateway WebSocket event (MESSAGE", {"requestContext": {"eventType": "MESSAGE", "connectionId": "c"}, "body": "hi"}),
    ("API Gateway WebSocket event (DISCONNECT", {"requestContext": {"eventType": "DISCONNECT", "connectionId": "c"}}),
    ("VPC Lattice", {"raw_path": "/a", "method": "POST", "headers": {}, "body": "{}", "is_base64_encoded": False}),
    ("VPC Lattice", {"version": "2.0", "path": "/", "method": "GET", "requestContext": {"serviceNetworkArn": ARN("vpc-lattice", "n")}}),
    ("Bedrock agent", {"messageVersion": "1.0", "agent": {"name": "a"}, "actionGroup": "g", "apiPath": "/c", "httpMethod": "GET"}),
    ("Bedrock agent", {"messageVersion": "1.0", "agent": {"name": "a"}, "actionGroup": "g", "function": "f", "parameters": []}),
    ("response to another service", {"messageVersion": "1.0", "response": [{"actionGroup": "g"}]}),
    # The request of a REST API has a token as AppSync's has, and a context as a proxied request has.
    (
        "API Gateway authorizer request (REQUEST)",
        {
            "version": "1.0",
            "type": "REQUEST",
            "methodArn": ARN("execute-api", "a/*/GET/x"),
            "identitySource": "user1,123",
            "authorizationToken": "user1,123",
            "resource": "/x",
            "httpMethod": "GET",
            "requestContext": CONTEXT,
        },
    ),
    ("API Gateway authorizer request (REQUEST)", {"type": "REQUEST", "resource": "/x", "requestContext": CONTEXT}),
    ("API Gateway request by a mapping template", {"body-json": {}, "params": {"path": {}}, "stage-variables": {}, "context": {}}),
    ("API Gateway request by a mapping template (GET)", {"body": {}, "method": "GET", "stage": "dev", "stageVariables": {}, "query": {}}),
    ("VPC Lattice", {"path": "/", "method": "GET", "requestContext": {"serviceArn": ARN("vpc-lattice", "service/s")}}),
    ("VPC Lattice", {"path": "/", "method": "GET", "requestContext": {"targetGroupArn": ARN("vpc-lattice", "targetgroup/t")}}),
    ("VPC Lattice", {"raw_path": "/a", "method": "DELETE", "query_string_parameters": {}}),
    ("AppSync resolver request", {"arguments": {"id": "1"}, "source": {"name": "n"}, "prev": {"result": {}}, "stash": {}}),
    ("Bedrock flow", {"messageVersion": "1.0", "flow": {"arn": "f"}, "node": {"name": "n"}, "inputs": []}),
    ("Bedrock knowledge base transformation", {"version": "1.0", "knowledgeBaseId": "k", "dataSourceId": "d", "inputFiles": []}),
    ("Lex request", {"invocationSource": "DialogCodeHook", "inputTranscript": "hi"}),
    ("CloudFormation hook", {"hookTypeName": "A::B::C", "actionInvocationPoint": "CREATE_PRE_PROVISION", "requestData": {}}),
    (
        "CloudFormation response (SUCCESS)",
        {"Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": "s", "RequestId": "r", "LogicalResourceId": "l", "Data": {}},
    ),
    ("Transfer Family workflow step", {"token": "t", "serviceMetadata": {"executionDetails": {}}, "fileLocation": {"domain": "S3"}}),
    ("CloudWatch data source", {"EventType": "GetMetricData", "GetMetricDataRequest": {"StartTime": 1}}),
    ("Redshift UDF", {"request_id": "r", "external_function": "public.f", "num_records": 1, "arguments": [[1]]}),
    ("Lambda durable execution", {"DurableExecutionArn": ARN("lambda", "f"), "CheckpointToken": "t", "InitialExecutionState": {}}),
    (
        "Amazon Connect campaign event (Welcome)",
        {"InvocationMetadata": {"CampaignContext": {"CampaignName": "Welcome"}}, "Items": {"CustomerProfiles": []}},
    ),
    ("Pinpoint campaign", {"CampaignId": "c", "ApplicationId": "a", "Endpoints": {}}),
    ("stream's failure record (RetryAttemptsExhausted", {"requestContext": {"condition": "RetryAttemptsExhausted"}, "KafkaBatchInfo": {}}),
    (
        "record of a failed invocation without its event (RetriesExhausted)",
        {"version": "1.0", "requestContext": {"functionArn": ARN("lambda", "f"), "condition": "RetriesExhausted"}, "responseContext": {}},
    ),
    ("stream's time window", {"state": {}, "isFinalInvokeForWindow": False}),
    (
        "CloudTrail record (sns.amazonaws.com, CreateTopic)",
        {"Records": [{"eventVersion": "1.02", "eventSource": "sns.amazonaws.com", "eventName": "CreateTopic", "userIdentity": {}}]},
    ),
    ("record of SQS, Kinesis or DynamoDB outside", [{"eventSource": "aws:kinesis", "partitionKey": "1", "data": "aGk="}]),
    ("record of SQS, Kinesis or DynamoDB outside", [{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}]),
    ("IoT device event", {"clientId": "c", "eventType": "connected", "sessionIdentifier": "s"}),
    ("IoT provisioning response", {"allowProvisioning": True, "parameterOverrides": {}}),
    ("S3 batch operations response", {"invocationSchemaVersion": "1.0", "invocationId": "i", "results": [{"resultCode": "Succeeded"}]}),
    ("response to Firehose or Kinesis Analytics (Ok)", {"records": [{"recordId": "1", "result": "Ok"}]}),
    ("Batch job (hello, SUCCEEDED)", {"jobName": "hello", "jobQueue": "q", "status": "SUCCEEDED"}),
    ("Batch job", {"jobId": "38fd"}),
    ("AppConfig extension", {"InvocationId": "i", "Type": "OnDeploymentStart", "ConfigurationProfile": {"Name": "n"}}),
    ("another service that sends Records", {"Records": [{"hello": "world"}]}),
    ("batch of records that is not from Kafka", {"records": [{"hello": "world"}]}),
    ("HTTP request without its context (GET, /)", {"httpMethod": "GET", "path": "/", "headers": {}}),
    ("Lex response (Close)", {"dialogAction": {"type": "Close"}}),
    ("authorizer's response", {"isAuthorized": True, "resolverContext": {}}),
    ("EventBridge event without a detail (aws.x, t)", {"source": "aws.x", "detail-type": "t"}),
    ("SNS notification outside its envelope", {"Type": "Notification", "Subject": "s"}),
    ("SNS record outside its envelope", {"EventSource": "aws:sns", "Sns": {"Message": "m"}}),
    ("destination's record of an earlier invocation", {"requestContext": None, "requestPayload": {}}),
    ("SMN record outside its envelope", {"smn": {"message": "m"}, "event_subscription_urn": "u"}),
    ("destination's record of an earlier invocation", {"responsePayload": {"errorMessage": "x"}}),
    ("event of another service (SYS.ECS)", {"event_source": "SYS.ECS", "event_state": "normal"}),
    ("event of another service (x)", {"eventSource": "x", "detail": {}}),
    ("Lex V1", {"messageVersion": "1.0", "invocationSource": "DialogCodeHook", "bot": {"name": "b"}, "currentIntent": {"name": "i"}}),
    ("Lex V2", {"messageVersion": "1.0", "invocationSource": "FulfillmentCodeHook", "bot": {"name": "b"}, "sessionState": {}}),
    ("Lex response", {"sessionState": {"dialogAction": {"type": "Close"}}, "messages": []}),
    ("Connect", {"Name": "ContactFlowEvent", "Details": {"ContactData": {}, "Parameters": {}}}),
    (
        "CloudFormation custom resource request (Create",
        {"RequestType": "Create", "ResponseURL": "https://x", "StackId": ARN("cloudformation", "s")},
    ),
    ("CloudFormation custom resource request (Delete", {"RequestType": "Delete", "StackId": "s", "LogicalResourceId": "l"}),
    ("CloudFormation response", {"Status": "SUCCESS", "PhysicalResourceId": "p", "Data": {}}),
    ("CloudFormation macro", {"region": "us-east-1", "fragment": {}, "transformId": "1::Count", "params": {}}),
    (
        "S3 Object Lambda",
        {"xAmzRequestId": "x", "getObjectContext": {"outputRoute": "r"}, "userRequest": {"url": "u"}, "configuration": {}},
    ),
    ("S3 batch operations task", {"invocationSchemaVersion": "1.0", "invocationId": "i", "job": {"id": "j"}, "tasks": [{"taskId": "t"}]}),
    (
        "Secrets Manager rotation step (createSecret",
        {"Step": "createSecret", "SecretId": ARN("secretsmanager", "s"), "ClientRequestToken": "t"},
    ),
    ("Config rule", {"invokingEvent": "{}", "ruleParameters": "{}", "resultToken": "t", "configRuleName": "r"}),
    ("CodePipeline job", {"CodePipeline.job": {"id": "1111", "data": {}}}),
    ("CodeDeploy lifecycle hook", {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e"}),
    ("CodeCommit trigger", rows("aws:codecommit", eventName="TriggerEventTest", codecommit={"references": []})),
    ("Transfer Family", {"username": "u", "password": "p", "protocol": "SFTP", "serverId": "s-1", "sourceIp": "192.0.2.1"}),
    ("Client VPN", {"connection-id": "c", "endpoint-id": "e", "common-name": "", "schema-version": "v1"}),
    (
        "IoT authorizer",
        {"token": "t", "signatureVerified": True, "protocols": ["mqtt"], "protocolData": {}, "connectionMetadata": {"id": "1"}},
    ),
    ("IoT authorizer", {"httpContext": {}, "mqttContext": {}, "tlsContext": {}, "token": "t", "tokenSignature": "s"}),
    ("IoT provisioning", {"claimCertificateId": "c", "certificateId": "d", "templateArn": ARN("iot", "t"), "clientId": "c"}),
    ("IoT button event (SINGLE)", {"serialNumber": "G0", "clickType": "SINGLE", "batteryVoltage": "2000mV"}),
    ("IoT 1-Click", {"deviceEvent": {"buttonClicked": {}}, "deviceInfo": {"type": "button"}, "placementInfo": {}}),
    ("IoT registry event (THING_EVENT, CREATED)", {"eventType": "THING_EVENT", "eventId": "e", "operation": "CREATED", "thingName": "t"}),
    ("IoT registry event", {"eventType": "THING_GROUP_MEMBERSHIP_EVENT", "eventId": "e", "operation": "ADDED"}),
    ("SageMaker Ground Truth", {"version": "2018-10-16", "labelingJobArn": ARN("sagemaker", "l"), "payload": {"s3Uri": "s3://b/k"}}),
    ("CloudWatch dashboard", {"original": "p", "widgetContext": {"dashboardName": "ops", "params": {}}}),
    ("Chime", {"Sender": {"SenderId": "s"}, "Discussion": {"DiscussionId": "d"}, "EventType": "Mention", "Message": "@bot hi"}),
    ("WorkMail", {"summaryVersion": "2018-10-10", "envelope": {}, "sender": {}, "subject": "Hi", "flowDirection": "INBOUND"}),
    ("DynamoDB stream's time window", {**STREAM_WINDOW, "eventSourceARN": ARN("dynamodb", "table/t/stream/s")}),
    ("DynamoDB stream's time window", {**STREAM_WINDOW, **rows("aws:dynamodb", dynamodb={})}),
    ("Kinesis stream's time window", {**STREAM_WINDOW, "eventSourceARN": ARN("kinesis", "stream/s")}),
    ("Kinesis stream's time window", {**STREAM_WINDOW, **rows("aws:kinesis", kinesis={"data": "aGk="})}),
    ("DynamoDB stream", rows("aws:dynamodb", eventName="MODIFY", dynamodb={"Keys": {}})),
    ("Kinesis records", rows("aws:kinesis", eventName="aws:kinesis:record", kinesis={"data": "aGk="})),
    ("stream's failure record", {"requestContext": {"functionArn": "f", "condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": {}}),
    ("stream's failure record", {"requestContext": {"functionArn": "f"}, "version": "1.0", "KinesisBatchInfo": {"shardId": "s"}}),
    ("Firehose", {"invocationId": "i", "deliveryStreamArn": ARN("firehose", "d"), "records": [{"recordId": "1", "data": "aGk="}]}),
    ("Kinesis Analytics", {"invocationId": "i", "applicationArn": ARN("kinesisanalytics", "a"), "records": [{"recordId": "1"}]}),
    ("Kafka records of Lambda (aws:kafka)", {"eventSource": "aws:kafka", "eventSourceArn": ARN("kafka", "c"), "records": {"t-0": []}}),
    ("Kafka records of Lambda", {"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {"t-0": [{"value": "aGk="}]}}),
    ("ActiveMQ", {"eventSource": "aws:mq", "eventSourceArn": ARN("mq", "b"), "messages": [{"messageID": "ID:1"}]}),
    ("RabbitMQ", {"eventSource": "aws:rmq", "eventSourceArn": ARN("mq", "b"), "rmqMessagesByQueue": {"q::/": [{"data": "aGk="}]}}),
    ("DocumentDB", {"eventSource": "aws:docdb", "eventSourceArn": ARN("rds", "c"), "events": [{"event": {"operationType": "insert"}}]}),
    ("CloudFront Lambda@Edge event (viewer-request", {"Records": [{"cf": {"config": {"eventType": "viewer-request"}, "request": {}}}]}),
    ("SES event", rows("aws:ses", ses={"mail": {"source": "a@example.com"}, "receipt": {"action": {"type": "Lambda"}}})),
    ("SES notification (Bounce)", {"notificationType": "Bounce", "bounce": {}, "mail": {"messageId": "m"}}),
    *(
        (f"S3 notification (aws:s3, {name}, photos)", s3(name))
        for name in ("ObjectCreated:Put", "ObjectRemoved:Delete", "s3:ObjectRestore:Completed")
    ),
    ("S3 notification", {"Records": [{"eventName": "ObjectCreated", "s3": {"bucket": {}}}]}),
    ("S3 notification", rows("aws:s3")),
    ("S3 test notification", {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos", "RequestId": "r"}),
    ("aws:cloudhsm", rows("aws:cloudhsm", body="x")),
    ("CloudWatch Logs", {"awslogs": {"data": "H4sI"}}),
    ("CloudWatch alarm (cpu, ALARM)", {"source": "aws.cloudwatch", "alarmArn": ARN("cloudwatch", "alarm:cpu"), "alarmData": ALARM}),
    ("CloudWatch alarm (x, ALARM)", {"AlarmName": "x", "NewStateValue": "ALARM", "Trigger": {}}),
    ("Auto Scaling", {"Service": "AWS Auto Scaling", "Event": "autoscaling:EC2_INSTANCE_LAUNCH", "AutoScalingGroupName": "g"}),
    ("RDS event (db-instance, orders)", {"Event Source": "db-instance", "Source ID": "orders", "Event Message": "DB instance restarted"}),
    ("Step Functions context", {"Execution": {"Id": "e", "Input": {}}, "StateMachine": {"Name": "m"}, "State": {}}),
    ("Step Functions error", {"Error": "States.Timeout", "Cause": "slow"}),
    ("HTTP response (200)", {"statusCode": 200, "headers": {}, "body": "hi"}),
    ("authorizer's response", {"principalId": "user", "policyDocument": {"Version": "2012-10-17", "Statement": []}}),
    ("HTTP request without its context", {"rawPath": "/", "headers": {}}),
]


def in_sns(message: Any) -> dict[str, Any]:
    """As the message of a topic."""
    body = {"Type": "Notification", "MessageId": "n1", "TopicArn": ARN("sns", "t"), "Message": json.dumps(message)}
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": body}]}
