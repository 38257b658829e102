//! The faults that only HTTP/2 has (RFC 9113).

use super::begin_stream;
use gateway_tests::stub::{Seen, Step};
use gateway_tests::ways::Way;
use h2::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2Fault {
    /// GOAWAY; the request is answered.
    Goodbye,
    /// GOAWAY on a connection that has been used, the request not processed; answered on another.
    LostOnce,
    /// GOAWAY on every connection, the request not processed.
    Lost,
    /// GOAWAY with ENHANCE_YOUR_CALM, the request taken up; then the connection is closed.
    ClosingGoodbye,
    /// RST_STREAM.
    Reset(Reason),
    /// SETTINGS that allow no streams; the request is refused.
    NoStreams,
    /// The request's body is taken up to the first window.
    NoWindow,
    /// A header block of CONTINUATION frames without an end.
    EndlessHeaders,
}

impl Http2Fault {
    /// Returns what the upstream does about a request.
    pub fn steps(self, way: Way, seen: &Seen) -> Vec<Step> {
        let begin = |then| if way == Way::Opened { begin_stream(way, then) } else { then };
        match self {
            // What it asked for.
            _ if !seen.is_http2 => way.good_steps(),
            Http2Fault::LostOnce if seen.is_first => way.good_steps(),
            Http2Fault::NoWindow => way.good_steps(),
            Http2Fault::Goodbye => {
                let mut steps = way.good_steps();
                steps.insert(1, Step::Goodbye(Reason::NO_ERROR));
                steps
            }
            Http2Fault::LostOnce | Http2Fault::Lost => vec![Step::LosingGoodbye, Step::Hang],
            Http2Fault::ClosingGoodbye => {
                begin(vec![Step::Goodbye(Reason::ENHANCE_YOUR_CALM), Step::Close])
            }
            Http2Fault::Reset(reason) => begin(vec![Step::ResetStream(reason)]),
            Http2Fault::NoStreams => {
                vec![Step::ForbidStreams, Step::ResetStream(Reason::REFUSED_STREAM)]
            }
            Http2Fault::EndlessHeaders => begin(vec![Step::EndlessHeaders]),
        }
    }
}
