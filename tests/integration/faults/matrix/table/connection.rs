//! What the faults of TLS and of HTTP/2 must come to.

use super::{
    CONNECTED, Cell, Expected, Row, STATUS_SENT, broken, ends_in, expect, row, slow, unreachable,
};
use crate::faults::matrix::fault::{Fault, Http2Fault};
use crate::faults::matrix::outcome::Within;
use gateway_tests::stub::Certificate;
use h2::Reason;

const PROCESSED: &str = "it has been processed";

/// Returns the rows of a connection that cannot be had.
pub fn rows_of_tls() -> Vec<Row> {
    let no_connection = |name, fault| row(name, fault, unreachable(), Cell::Never(CONNECTED));
    let bad_certificate =
        |name, certificate| no_connection(name, Fault::BadCertificate(certificate));
    vec![
        bad_certificate("TLS: certificate expired", Certificate::Expired),
        bad_certificate("TLS: certificate of another host", Certificate::OtherName),
        bad_certificate("TLS: certificate of an unknown authority", Certificate::Untrusted),
        row(
            "TLS: no answer to the handshake",
            Fault::SilentHandshake,
            Expected { within: Within::Attempts, ..unreachable() },
            Cell::Never(CONNECTED),
        ),
    ]
}

/// Returns the rows of HTTP/2.
pub fn rows_of_http2() -> Vec<Row> {
    let cut = || Cell::Expect(ends_in("upstream_malformed", Within::AtOnce));
    let reset = |name, reason| row(name, Fault::Http2(Http2Fault::Reset(reason)), broken(), cut());
    // Each attempt sends its request twice.
    let mut not_processed = broken();
    not_processed.outcome.calls = 6;
    let mut not_opened = slow();
    not_opened.outcome.calls = 6;
    vec![
        row(
            "HTTP/2: GOAWAY, request taken up",
            Fault::Http2(Http2Fault::Goodbye),
            expect("200", 1, Within::AtOnce),
            Cell::Expect(expect("200", 1, Within::AtOnce)),
        ),
        row(
            "HTTP/2: GOAWAY, request not processed",
            Fault::Http2(Http2Fault::LostOnce),
            expect("200", 2, Within::AtOnce),
            Cell::Never(PROCESSED),
        ),
        row(
            "the same, on every connection",
            Fault::Http2(Http2Fault::Lost),
            not_processed.clone(),
            Cell::Never(PROCESSED),
        ),
        row(
            "HTTP/2: GOAWAY `ENHANCE_YOUR_CALM`, request taken up",
            Fault::Http2(Http2Fault::ClosingGoodbye),
            broken(),
            cut(),
        ),
        row(
            "HTTP/2: RST_STREAM `REFUSED_STREAM`",
            Fault::Http2(Http2Fault::Reset(Reason::REFUSED_STREAM)),
            not_processed,
            cut(),
        ),
        reset("HTTP/2: RST_STREAM `INTERNAL_ERROR`", Reason::INTERNAL_ERROR),
        reset("HTTP/2: RST_STREAM `CANCEL`", Reason::CANCEL),
        reset("HTTP/2: RST_STREAM `ENHANCE_YOUR_CALM`", Reason::ENHANCE_YOUR_CALM),
        row(
            "HTTP/2: RST_STREAM `HTTP_1_1_REQUIRED`",
            Fault::Http2(Http2Fault::Reset(Reason::HTTP_1_1_REQUIRED)),
            expect("200", 2, Within::AtOnce),
            cut(),
        ),
        row(
            "HTTP/2: SETTINGS that forbid streams",
            Fault::Http2(Http2Fault::NoStreams),
            not_opened,
            Cell::Never(STATUS_SENT),
        ),
        row(
            "HTTP/2: no window for the request's body",
            Fault::Http2(Http2Fault::NoWindow),
            slow().fallback_fails(),
            Cell::Never(STATUS_SENT),
        ),
        row(
            "HTTP/2: headers without an end",
            Fault::Http2(Http2Fault::EndlessHeaders),
            broken(),
            cut(),
        ),
    ]
}
