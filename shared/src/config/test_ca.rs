//! A certificate authority that only tests trust. This file is in builds with the feature `test-ca`.
//!
//! No deployed build has the feature: it refuses the variable as unknown, and `.ci/run` searches its bytes.

use super::reader::Reader;
use super::setting::{Accepted, Form, SettingKind, settings};

const CERTIFICATE: Form = Form {
    documented: "a certificate in DER, in hexadecimal digits",
    required: "a certificate in DER, in hexadecimal digits, is required",
    takes: is_hexadecimal,
};

settings! {
    /// Trusted beside the compiled-in roots.
    GATEWAY_TEST_CA = Accepted { kind: SettingKind::Form(&CERTIFICATE), default: None };
}

/// Reads the certificate of `GATEWAY_TEST_CA`, in DER.
pub(super) fn read_test_ca(reader: &Reader) -> Option<Vec<u8>> {
    hex::decode(reader.find_value(&GATEWAY_TEST_CA)?).ok()
}

fn is_hexadecimal(value: &str) -> bool {
    hex::decode(value).is_ok()
}
