//! [`Origins`]: which pages may use the gateway. Browsers say where a page came from, and enforce
//! what is answered; whoever is no browser is stopped by neither.

/// The pages that may.
pub(super) struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    pub(super) fn new(allowed: &[String]) -> Self {
        Self { allowed: allowed.iter().map(|origin| origin.to_ascii_lowercase()).collect() }
    }

    /// Whether a page of `origin` may ask the server that was asked as `host`. Without an origin it
    /// is no page.
    pub(super) fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.to_ascii_lowercase();
        if self.allowed.iter().any(|allowed| *allowed == "*" || *allowed == origin) {
            return true;
        }
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == host.map(str::to_ascii_lowercase).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_gateway_itself_and_of_listed_origins_may() {
        let origins = Origins::new(&["https://Example.org".into()]);
        let host = Some("gate:8662");
        assert!(origins.allows(None, host));
        assert!(origins.allows(Some("http://GATE:8662"), host));
        assert!(origins.allows(Some("https://example.org"), host));
        for other in ["https://example.org.evil", "http://example.org", "http://gate", "null", ""] {
            assert!(!origins.allows(Some(other), host), "{other}");
        }
        assert!(!origins.allows(Some("http://gate:8662"), None));
        assert!(Origins::new(&["*".into()]).allows(Some("null"), None));
    }
}
