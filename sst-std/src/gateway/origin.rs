//! [`Origins`]: which pages may use the gateway. Browsers say where a page came from, and enforce
//! what is answered; whoever is no browser is stopped by neither.

use std::net::{Ipv4Addr, Ipv6Addr};

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
        authority == host.map(str::to_ascii_lowercase).as_deref()
            && authority.is_some_and(is_nobodys_name)
    }
}

/// Whether an authority is an IP address or `localhost`. Any other name may be a stranger's, who
/// lets it mean this gateway's address as soon as his page is loaded.
fn is_nobodys_name(authority: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok()
        || inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_gateway_itself_and_of_listed_origins_may() {
        let origins = Origins::new(&["https://Example.org".into()]);
        let host = Some("192.0.2.7:8662");
        assert!(origins.allows(None, host));
        assert!(origins.allows(Some("http://192.0.2.7:8662"), host));
        assert!(origins.allows(Some("https://example.org"), host));
        let others =
            ["https://example.org.evil", "http://example.org", "http://192.0.2.7", "null", ""];
        for other in others {
            assert!(!origins.allows(Some(other), host), "{other}");
        }
        assert!(!origins.allows(Some("http://192.0.2.7:8662"), None));
        assert!(Origins::new(&["*".into()]).allows(Some("null"), None));
    }

    #[test]
    fn a_name_that_may_be_a_strangers_must_be_listed() {
        let origins = Origins::new(&["http://gate.example:8662".into()]);
        for (host, may) in [
            ("localhost:8662", true),
            ("LOCALHOST", true),
            ("127.0.0.1", true),
            ("[::1]:8662", true),
            ("[2001:db8::1]", true),
            ("gate.example:8662", true),
            ("evil.example:8662", false),
            ("127.0.0.1.evil.example", false),
            ("[evil]:1", false),
        ] {
            assert_eq!(origins.allows(Some(&format!("http://{host}")), Some(host)), may, "{host}");
        }
    }
}
