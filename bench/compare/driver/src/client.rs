//! Calls a server as a program would that has nothing between itself and Cohere.

use crate::samples::Answer;
use crate::{AnyError, Call};
use bytes::Bytes;
use futures_util::future::try_join_all;
use reqwest::Certificate;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    bodies: Vec<Bytes>,
}

impl Client {
    pub(crate) fn open(call: &Call) -> Result<Self, AnyError> {
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in &call.headers {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        let mut http = reqwest::Client::builder().default_headers(headers);
        if let Some(authority) = &call.authority {
            http = http.tls_certs_only([Certificate::from_pem(&std::fs::read(authority)?)?]);
        }
        let bodies = call.bodies.iter().map(|path| Ok(std::fs::read(path)?.into()));
        Ok(Self {
            http: http.build()?,
            url: call.url.clone(),
            bodies: bodies.collect::<Result<_, AnyError>>()?,
        })
    }

    pub(crate) async fn call(&self) -> Result<Answer, AnyError> {
        let mut answer = Answer::begin();
        if let [body] = &self.bodies[..] {
            self.read_into(&mut answer, body).await?;
        } else {
            try_join_all(
                self.bodies
                    .iter()
                    .map(async |body| self.read_into(&mut Answer::begin(), body).await),
            )
            .await?;
        }
        Ok(answer.end())
    }

    async fn read_into(&self, answer: &mut Answer, body: &Bytes) -> Result<(), AnyError> {
        let mut response = self.http.post(&self.url).body(body.clone()).send().await?;
        if response.status() != 200 {
            let told = response.text().await?;
            return Err(format!("{} has answered {told:.300}", self.url).into());
        }
        while let Some(piece) = response.chunk().await? {
            answer.read_piece(&piece);
        }
        Ok(())
    }
}
