//! Secrets Manager as a client sees it, request by request.

use super::store::CURRENT;
use super::*;
use axum::body::Body;
use http_body_util::BodyExt;
use std::time::Duration;

const SIGNED: &str = "AWS4-HMAC-SHA256 \
                      Credential=RUNKEY/20260101/us-east-1/secretsmanager/aws4_request, \
                      Signature=0";

async fn get_secret(secrets: &SecretsManager, authorization: &str, body: Value) -> (u16, Value) {
    call(secrets, authorization, "GetSecretValue", body).await
}

async fn run_operation(secrets: &SecretsManager, operation: &str, body: Value) -> (u16, Value) {
    call(secrets, SIGNED, operation, body).await
}

async fn call(
    secrets: &SecretsManager,
    authorization: &str,
    operation: &str,
    body: Value,
) -> (u16, Value) {
    let request = http::Request::post("/")
        .header("authorization", authorization)
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = handle_request(State(secrets.clone()), request).await;
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap(),
    )
}

#[tokio::test]
async fn secret_is_found_by_name_and_arn() {
    let secrets = SecretsManager::new("RUNKEY");
    let version = secrets.put(API_KEY, "value-1");
    for id in [API_KEY.to_owned(), secret_arn(API_KEY)] {
        let (status, body) =
            get_secret(&secrets, SIGNED, json!({"SecretId": id, "VersionStage": CURRENT})).await;
        assert_eq!((status, &body["SecretString"]), (200, &json!("value-1")));
        assert_eq!(
            (&body["VersionId"], &body["ARN"]),
            (&json!(version), &json!(secret_arn(API_KEY)))
        );
        assert!(body["CreatedDate"].as_f64().unwrap() > 1.7e9);
    }
    let (_, other) =
        get_secret(&secrets, SIGNED, json!({"SecretId": API_KEY, "VersionId": version})).await;
    assert_eq!(other["SecretString"], "value-1");
}

#[tokio::test]
async fn new_value_is_a_new_version() {
    let secrets = SecretsManager::new("RUNKEY");
    let first = secrets.put(CLIENTS, "a");
    let second = secrets.put(CLIENTS, "b");
    let (_, body) = get_secret(&secrets, SIGNED, json!({"SecretId": CLIENTS})).await;
    assert_eq!((&body["SecretString"], &body["VersionId"]), (&json!("b"), &json!(second)));
    let (_, body) =
        get_secret(&secrets, SIGNED, json!({"SecretId": CLIENTS, "VersionId": first})).await;
    assert_eq!(
        (&body["SecretString"], &body["VersionStages"]),
        (&json!("a"), &json!(["AWSPREVIOUS"]))
    );
    secrets.put(CLIENTS, "c");
    let (_, body) =
        run_operation(&secrets, "ListSecretVersionIds", json!({"SecretId": CLIENTS})).await;
    assert_eq!(
        body["Versions"].as_array().unwrap().len(),
        2,
        "the first has no label any more: {body}"
    );
    let all = json!({"SecretId": CLIENTS, "IncludeDeprecated": true});
    let (_, body) = run_operation(&secrets, "ListSecretVersionIds", all).await;
    assert_eq!(body["Versions"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn removed_secret_or_label_is_not_found() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.put(API_KEY, "value");
    secrets.remove(API_KEY);
    let (status, body) = get_secret(&secrets, SIGNED, json!({"SecretId": API_KEY})).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ResourceNotFoundException")));
    secrets.put(API_KEY, "value");
    let (_, body) =
        get_secret(&secrets, SIGNED, json!({"SecretId": API_KEY, "VersionStage": "NEXT"})).await;
    assert_eq!(body["__type"], "ResourceNotFoundException");
    assert_eq!(secrets.reads(), 2);
}

#[tokio::test]
async fn foreign_credential_reads_nothing() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.put(API_KEY, "value");
    let get = json!({"SecretId": API_KEY});
    for stranger in [
        SIGNED.replace("RUNKEY", "OTHER"),
        SIGNED.replace("RUNKEY", "RUNKEY2"),
        "Bearer x".to_owned(),
    ] {
        let (status, body) = get_secret(&secrets, &stranger, get.clone()).await;
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("UnrecognizedClientException")),
            "{stranger}"
        );
    }
    let (_, body) = get_secret(&secrets, "", get).await;
    assert_eq!(body["__type"], "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn behaviour_makes_reads_fail_and_recover() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.put(API_KEY, "value");
    let get = json!({"SecretId": API_KEY});
    secrets.behave(Behaviour::Failing);
    assert_eq!(get_secret(&secrets, SIGNED, get.clone()).await.0, 500);
    secrets.behave(Behaviour::Denying);
    assert_eq!(
        get_secret(&secrets, SIGNED, get.clone()).await.1["__type"],
        "AccessDeniedException"
    );
    secrets.behave(Behaviour::Throttling);
    assert_eq!(get_secret(&secrets, SIGNED, get.clone()).await.1["__type"], "ThrottlingException");
    secrets.behave(Behaviour::Slow(Duration::from_millis(1)));
    assert_eq!(get_secret(&secrets, SIGNED, get.clone()).await.0, 200);
    secrets.behave(Behaviour::Normal);
    assert_eq!(get_secret(&secrets, SIGNED, get).await.0, 200);
}

fn put(token: &str, value: &str, labels: &[&str]) -> Value {
    json!({
        "SecretId": API_KEY,
        "ClientRequestToken": token,
        "SecretString": value,
        "VersionStages": labels,
    })
}

#[tokio::test]
async fn value_under_own_label_leaves_current() {
    let secrets = SecretsManager::new("RUNKEY");
    let current = secrets.put(API_KEY, "old");
    for (token, value) in [("t1", "new"), ("t1", "new"), ("t2", "newer")] {
        let (status, body) =
            run_operation(&secrets, "PutSecretValue", put(token, value, &["NEXT"])).await;
        assert_eq!((status, &body["VersionStages"]), (200, &json!(["NEXT"])));
    }
    let (status, body) =
        run_operation(&secrets, "PutSecretValue", put("t1", "another", &["NEXT"])).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ResourceExistsException")));
    let next = json!({"SecretId": API_KEY, "VersionStage": "NEXT"});
    assert_eq!(get_secret(&secrets, SIGNED, next).await.1["SecretString"], "newer");
    let (_, body) = run_operation(&secrets, "DescribeSecret", json!({"SecretId": API_KEY})).await;
    assert_eq!(body["VersionIdsToStages"], json!({current: ["AWSCURRENT"], "t2": ["NEXT"]}));
    assert_eq!(body["RotationEnabled"], false);
}

#[tokio::test]
async fn first_value_is_current_whatever_its_label() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.create(API_KEY);
    let (status, body) = get_secret(&secrets, SIGNED, json!({"SecretId": API_KEY})).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ResourceNotFoundException")));
    let (_, body) = run_operation(&secrets, "PutSecretValue", put("t1", "first", &["NEXT"])).await;
    assert_eq!(body["VersionStages"], json!(["AWSCURRENT", "NEXT"]));
}

fn move_request(label: &str, from: Option<&str>, to: Option<&str>) -> Value {
    json!({
        "SecretId": API_KEY,
        "VersionStage": label,
        "RemoveFromVersionId": from,
        "MoveToVersionId": to,
    })
}

#[tokio::test]
async fn label_moves_only_from_the_named_version() {
    let secrets = SecretsManager::new("RUNKEY");
    let old = secrets.put(API_KEY, "old");
    run_operation(&secrets, "PutSecretValue", put("new", "v", &["NEXT"])).await;
    for (refused, kind) in [
        (move_request(CURRENT, None, Some("new")), "InvalidParameterException"),
        (move_request(CURRENT, Some("new"), Some("new")), "InvalidParameterException"),
        (move_request(CURRENT, Some(&old), None), "InvalidParameterException"),
        (move_request("NEXT", Some(&old), None), "InvalidParameterException"),
        (move_request("NEXT", None, None), "InvalidParameterException"),
        (move_request("NEXT", None, Some("nowhere")), "ResourceNotFoundException"),
    ] {
        let (status, body) =
            run_operation(&secrets, "UpdateSecretVersionStage", refused.clone()).await;
        assert_eq!((status, &body["__type"]), (400, &json!(kind)), "{refused}");
    }
    for granted in
        [move_request(CURRENT, Some(&old), Some("new")), move_request("NEXT", Some("new"), None)]
    {
        let (status, body) = run_operation(&secrets, "UpdateSecretVersionStage", granted).await;
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(secrets.labels(API_KEY, "new"), ["AWSCURRENT".to_owned()].into());
    assert_eq!(secrets.labels(API_KEY, &old), ["AWSPREVIOUS".to_owned()].into());
}

#[tokio::test]
async fn value_is_text_or_binary_within_64_kib() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.create(API_KEY);
    let largest = "x".repeat(65_536);
    assert_eq!(
        run_operation(&secrets, "PutSecretValue", put("t1", &largest, &[CURRENT])).await.0,
        200
    );
    let (_, body) =
        run_operation(&secrets, "PutSecretValue", put("t2", &format!("{largest}x"), &[CURRENT]))
            .await;
    assert_eq!(body["__type"], "ValidationException");
    let binary = json!({"SecretId": API_KEY, "ClientRequestToken": "t3", "SecretBinary": "AAE="});
    assert_eq!(run_operation(&secrets, "PutSecretValue", binary).await.0, 200);
    let (_, body) = get_secret(&secrets, SIGNED, json!({"SecretId": API_KEY})).await;
    assert_eq!((&body["SecretBinary"], &body["SecretString"]), (&json!("AAE="), &Value::Null));
    let nothing = json!({"SecretId": API_KEY, "ClientRequestToken": "t4"});
    assert_eq!(
        run_operation(&secrets, "PutSecretValue", nothing).await.1["__type"],
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn errors_name_unknown_operations_but_no_value() {
    let secrets = SecretsManager::new("RUNKEY");
    secrets.put(API_KEY, "value");
    let (_, body) = run_operation(&secrets, "DeleteSecret", json!({"SecretId": API_KEY})).await;
    assert_eq!(body["__type"], "UnknownOperationException");
    let (_, body) = run_operation(
        &secrets,
        "RotateSecret",
        json!({"SecretId": API_KEY, "ClientRequestToken": "t"}),
    )
    .await;
    assert_eq!(body["__type"], "InvalidRequestException", "no function rotates it");
    let strange =
        json!({"SecretId": API_KEY, "ClientRequestToken": "t", "VersionStages": "hidden"});
    let (_, body) = run_operation(&secrets, "PutSecretValue", strange).await;
    assert!(!body.to_string().contains("hidden"), "{body}");
}
