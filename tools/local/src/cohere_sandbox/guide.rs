//! `GET /`: what the sandbox serves and how it is told to fail, for whoever opens its address.

pub(super) const TEXT: &str = r#"Cohere sandbox of cohere-gateway: stands in Cohere's place, with answers that are made up.
No key leaves this machine, nothing is paid for. The same request always gets the same answer.

It serves, for a key that it has accepted (Authorization: Bearer KEY):
  POST /v2/chat  /v2/embed  /v2/rerank
  POST /v1/chat  /v1/embed  /v1/rerank  /v1/tokenize  /v1/detokenize  /v1/check-api-key
  POST /compatibility/v1/chat/completions  /compatibility/v1/embeddings
  GET  /v1/models  /compatibility/v1/models

It fails on request. A fault is a line of parts, such as `status=503 model=command-a-03-2025`:
  status=N  header=name:value  body=TEXT      another status, a header, another body
  html  malformed                             a proxy's page; broken JSON
  delay_ms=N  trickle_ms=N                    time before the answer, and between its pieces
  cut_after_events=N  cut_after_bytes=N       the connection closes there
  stall_after_events=N  stall_after_bytes=N   nothing more comes
  stream_error=TYPE  after_events=N           the API's own failure of a stream
  split_utf8                                  letters in two pieces
  model=ID                                    for this model's requests alone

A fault is set
  for one request   by the header x-client-name: fault status=503   (the gateway passes it on)
  for the next ones by PUT /_sandbox/faults            a JSON list, one fault for each call
  until taken back  by PUT /_sandbox/standing-fault    a JSON text; DELETE ends it

Beside that:
  PUT, DELETE /_sandbox/keys/KEY     a key is accepted (?trial=true for a trial key), or no longer
  PUT /_sandbox/status/INDICATOR     what Cohere's status page says: none, minor, major, critical
  GET /_sandbox/requests  /_sandbox/count   what has arrived

To try: docs/try-a-failure.md. The page at the gateway's own address sets faults at a click.
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohere_sandbox::fault::Fault;

    #[test]
    fn guide_names_every_part_of_a_fault() {
        let refusal = "no-such-part".parse::<Fault>().unwrap_err();
        let (_, known) = refusal.split_once("known are ").unwrap();
        let parts: Vec<_> = known.split_whitespace().collect();
        assert!(parts.len() > 10, "{parts:?}");
        let missing: Vec<_> = parts.iter().filter(|part| !TEXT.contains(**part)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
