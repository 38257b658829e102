use super::*;
use axum::body::Body;
use http_body_util::BodyExt;

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=RUNKEY/20260101/us-east-1/secretsmanager/aws4_request, Signature=0";

async fn ask(secrets: &Secrets, authorization: &str, body: Value) -> (u16, Value) {
    let request = http::Request::post("/")
        .header("authorization", authorization)
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = serve(State(secrets.clone()), request).await;
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

#[tokio::test]
async fn a_secret_is_found_by_name_and_by_arn() {
    let secrets = Secrets::new("RUNKEY");
    let version = secrets.put(API_KEY, "value-1");
    for id in [API_KEY.to_owned(), arn(API_KEY)] {
        let (status, body) = ask(&secrets, SIGNED, json!({"SecretId": id, "VersionStage": CURRENT})).await;
        assert_eq!((status, &body["SecretString"]), (200, &json!("value-1")));
        assert_eq!((&body["VersionId"], &body["ARN"]), (&json!(version), &json!(arn(API_KEY))));
        assert!(body["CreatedDate"].as_f64().unwrap() > 1.7e9);
    }
    let (_, other) = ask(&secrets, SIGNED, json!({"SecretId": API_KEY, "VersionId": version})).await;
    assert_eq!(other["SecretString"], "value-1");
}

#[tokio::test]
async fn a_new_value_is_a_new_version() {
    let secrets = Secrets::new("RUNKEY");
    let first = secrets.put(CLIENTS, "a");
    let second = secrets.put(CLIENTS, "b");
    let (_, body) = ask(&secrets, SIGNED, json!({"SecretId": CLIENTS})).await;
    assert_eq!((&body["SecretString"], &body["VersionId"]), (&json!("b"), &json!(second)));
    let (status, body) = ask(&secrets, SIGNED, json!({"SecretId": CLIENTS, "VersionId": first})).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ResourceNotFoundException")));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let secrets = Secrets::new("RUNKEY");
    secrets.put(API_KEY, "value");
    secrets.remove(API_KEY);
    let (status, body) = ask(&secrets, SIGNED, json!({"SecretId": API_KEY})).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ResourceNotFoundException")));
    secrets.put(API_KEY, "value");
    let (_, body) = ask(&secrets, SIGNED, json!({"SecretId": API_KEY, "VersionStage": "NEXT"})).await;
    assert_eq!(body["__type"], "ResourceNotFoundException");
    assert_eq!(secrets.reads(), 2);
}

#[tokio::test]
async fn only_this_runs_credential_reads() {
    let secrets = Secrets::new("RUNKEY");
    secrets.put(API_KEY, "value");
    let get = json!({"SecretId": API_KEY});
    for stranger in
        [SIGNED.replace("RUNKEY", "OTHER"), SIGNED.replace("RUNKEY", "RUNKEY2"), "Bearer x".to_owned()]
    {
        let (status, body) = ask(&secrets, &stranger, get.clone()).await;
        assert_eq!((status, &body["__type"]), (400, &json!("UnrecognizedClientException")), "{stranger}");
    }
    let (_, body) = ask(&secrets, "", get).await;
    assert_eq!(body["__type"], "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn it_can_be_made_to_fail_and_to_recover() {
    let secrets = Secrets::new("RUNKEY");
    secrets.put(API_KEY, "value");
    let get = json!({"SecretId": API_KEY});
    secrets.behave(Behaviour::Failing);
    assert_eq!(ask(&secrets, SIGNED, get.clone()).await.0, 500);
    secrets.behave(Behaviour::Denying);
    assert_eq!(ask(&secrets, SIGNED, get.clone()).await.1["__type"], "AccessDeniedException");
    secrets.behave(Behaviour::Slow(Duration::from_millis(1)));
    assert_eq!(ask(&secrets, SIGNED, get.clone()).await.0, 200);
    secrets.behave(Behaviour::Normal);
    assert_eq!(ask(&secrets, SIGNED, get).await.0, 200);
}
