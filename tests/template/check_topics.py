"""Whom alerts tell, exactly: imported by check.py, which runs these checks."""

from stack import RESOURCES, append, check, put, remove, topic

ACCOUNT = {"Ref": "AWS::AccountId"}
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}
ALARMS = {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${AWS::StackName}-*"}
KEY_POLICY = "Resources.AlertsKey.Properties.KeyPolicy.Statement"
TOPIC_POLICY = "Resources.{}TopicPolicy.Properties.PolicyDocument.Statement"
CLOUDWATCH = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}}


@check(
    put("Resources.AlertsKey.Properties.EnableKeyRotation", False),
    put("Resources.AlertsKey.Condition", "MakesP1Topic"),
    put(f"{KEY_POLICY}.1.Action", "kms:*"),
    put(f"{KEY_POLICY}.1.Principal", "*"),
    put(f"{KEY_POLICY}.0.Principal", "*"),
    remove(f"{KEY_POLICY}.1.Condition"),
    append(KEY_POLICY, {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}),
)
def the_key_of_the_topics_is_used_by_alarms_of_this_account():
    key = RESOURCES["AlertsKey"]
    assert key["Condition"] == "MakesTopics", key
    assert key["Properties"]["EnableKeyRotation"] is True, key
    owner = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    # Without the first statement nobody could ever change the key again.
    assert key["Properties"]["KeyPolicy"] == {"Version": "2012-10-17", "Statement": [
        {"Sid": "Account", "Effect": "Allow", "Principal": owner, "Action": "kms:*", "Resource": "*"},
        {
            "Sid": "Alarms", **CLOUDWATCH, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        },
    ]}, key


@check(
    remove("Resources.P1Topic.Properties.KmsMasterKeyId"),
    put("Resources.P2Topic.Properties.KmsMasterKeyId", "alias/aws/sns"),
    put("Resources.P1Topic.Condition", "MakesP2Topic"),
    put("Resources.P2Topic.Properties.TopicName", "alerts"),
)
def topics_are_encrypted_and_made_unless_given():
    for severity in ("P1", "P2"):
        found = RESOURCES[f"{severity}Topic"]
        name = {"Fn::Sub": f"{severity} ${{AWS::StackName}}"}
        properties = {"DisplayName": name, "KmsMasterKeyId": {"Ref": "AlertsKey"}}
        expected = {"Type": "AWS::SNS::Topic", "Condition": f"Makes{severity}Topic", "Properties": properties}
        assert found == expected, found


@check(
    remove(TOPIC_POLICY.format("P1") + ".0.Condition.StringEquals"),
    remove(TOPIC_POLICY.format("P2") + ".0.Condition.ArnLike"),
    put(TOPIC_POLICY.format("P1") + ".0.Action", "sns:*"),
    append(TOPIC_POLICY.format("P2"), ANYBODY),
    put("Resources.P1TopicPolicy.Properties.Topics", [{"Ref": "P2Topic"}]),
    remove("Resources.P2TopicPolicy.Condition"),
)
def only_alarms_of_this_stack_publish_to_a_topic():
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": ALARMS}}
    for severity in ("P1", "P2"):
        found = RESOURCES[f"{severity}TopicPolicy"]
        resource = {"Ref": f"{severity}Topic"}
        statement = {
            "Sid": "AlarmsOfThisStack", **CLOUDWATCH, "Action": "sns:Publish", "Resource": resource, "Condition": source,
        }
        assert found["Condition"] == f"Makes{severity}Topic", found
        document = {"Version": "2012-10-17", "Statement": [statement]}
        assert found["Properties"] == {"Topics": [resource], "PolicyDocument": document}, found


@check(
    put("Resources.P1Subscription.Properties.TopicArn", topic("P2")),
    put("Resources.P2Subscription.Properties.Endpoint", {"Ref": "P1Email"}),
    remove("Resources.P1Subscription.Condition"),
)
def an_address_is_subscribed_where_it_is_given():
    for severity in ("P1", "P2"):
        properties = {"TopicArn": topic(severity), "Protocol": "email", "Endpoint": {"Ref": f"{severity}Email"}}
        expected = {"Type": "AWS::SNS::Subscription", "Condition": f"Has{severity}Email", "Properties": properties}
        found = RESOURCES[f"{severity}Subscription"]
        assert found == expected, found
