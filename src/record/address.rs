//! Client addresses as records carry them.

/// An address without the port that some records carry (`203.0.113.7:51324`, `[2001:db8::1]:443`).
pub fn without_port(address: &str) -> &str {
    if let Some(bracketed) = address.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or(bracketed);
    }
    // Most addresses have no port, which one look at their bytes shows.
    if !address.bytes().any(|byte| byte == b':') {
        return address;
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') && host.contains('.') => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_off_addresses() {
        assert_eq!(without_port("203.0.113.7"), "203.0.113.7");
        assert_eq!(without_port("203.0.113.7:51324"), "203.0.113.7");
        assert_eq!(without_port("2001:db8::1"), "2001:db8::1");
        assert_eq!(without_port("[2001:db8::1]:443"), "2001:db8::1");
    }
}
