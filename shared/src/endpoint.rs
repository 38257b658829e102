//! The endpoints of Cohere that the gateway serves: their names and paths.

/// One of the Cohere endpoints the gateway serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Chat,
    Embed,
    Rerank,
}

impl Endpoint {
    pub const ALL: [Endpoint; 3] = [Endpoint::Chat, Endpoint::Embed, Endpoint::Rerank];

    /// Returns the place of this endpoint in `ALL`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Returns the name used for folder, function, log and metric dimension.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Chat => "chat",
            Endpoint::Embed => "embed",
            Endpoint::Rerank => "rerank",
        }
    }

    /// Returns the path, the same at the gateway and at Cohere.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::Chat => "/v2/chat",
            Endpoint::Embed => "/v2/embed",
            Endpoint::Rerank => "/v2/rerank",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_place_in_all() {
        for (place, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint.index(), place);
        }
    }
}
