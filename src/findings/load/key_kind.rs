//! What is known of a key's type, size and protection, which decide what an operation on it weighs.

use strum::{Display, EnumString};

/// Family of key types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString)]
pub enum KeyFamily {
    /// RSA.
    #[strum(serialize = "RSA")]
    Rsa,
    /// Elliptic curves.
    #[strum(serialize = "EC")]
    Ec,
    /// Symmetric, of Managed HSM.
    #[strum(serialize = "oct")]
    Oct,
}

/// A key as far as it is known; what is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyKind {
    /// Family.
    pub family: Option<KeyFamily>,
    /// Bits of the modulus, the curve or the key.
    pub bits: Option<u32>,
    /// Protected by an HSM: `RSA-HSM` and `EC-HSM` are, `RSA` and `EC` are software (the `kty` of the
    /// key, facts §2.2).
    pub hsm: Option<bool>,
}

impl KeyKind {
    /// Reads `RSA-HSM 2048`, `EC`, `RSA 4096` as facts and inventories write them; anything else is
    /// unknown.
    pub fn read(text: &str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let bits = words.next().and_then(|bits| bits.parse().ok());
        let (plain, hsm) = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
            Some((plain, end)) if end.eq_ignore_ascii_case("-HSM") => (plain, Some(true)),
            _ => (name, Some(false)),
        };
        let family = [KeyFamily::Rsa, KeyFamily::Ec, KeyFamily::Oct]
            .into_iter()
            .find(|family| plain.eq_ignore_ascii_case(&family.to_string()));
        if family.is_none() { Self::default() } else { Self { family, bits, hsm } }
    }

    /// What a key's name says of it, the last thing to go by: `sign-rsa4096`, `kek-2048`, `p256`.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let holds = |what: &str| name.contains(what);
        let rsa = |bits| Self { family: Some(KeyFamily::Rsa), bits: Some(bits), hsm: None };
        let curve = |bits| Self { family: Some(KeyFamily::Ec), bits: Some(bits), hsm: None };
        let sizes = [("2048", rsa(2048)), ("3072", rsa(3072)), ("4096", rsa(4096))];
        let curves = ["p256", "p-256", "p384", "p-384", "p521", "p-521", "secp256k1"];
        let of_curve =
            |name: &str| match name.chars().filter(char::is_ascii_digit).take(3).collect::<String>() {
                bits if bits == "384" => curve(384),
                bits if bits == "521" => curve(521),
                _ => curve(256),
            };
        let mut all = sizes
            .iter()
            .filter(|(text, _)| holds(text))
            .map(|(_, kind)| *kind)
            .chain(curves.iter().filter(|text| holds(text)).map(|text| of_curve(text)));
        // A name that says two things says nothing.
        match (all.next(), all.next()) {
            (Some(one), None) => one,
            _ => Self::default(),
        }
    }

    /// Fills what is unknown from another source, if the two do not contradict each other.
    #[must_use]
    pub fn completed_by(self, other: Self) -> Self {
        if self.family.is_some() && other.family.is_some() && self.family != other.family {
            return self;
        }
        Self {
            family: self.family.or(other.family),
            bits: self.bits.or(other.bits),
            hsm: self.hsm.or(other.hsm),
        }
    }

    /// What two sources of equal rank agree on.
    #[must_use]
    pub fn agreed(self, other: Self) -> Self {
        fn one<T: PartialEq + Copy>(mine: Option<T>, its: Option<T>) -> Option<T> {
            mine.filter(|mine| its == Some(*mine))
        }
        Self {
            family: one(self.family, other.family),
            bits: one(self.bits, other.bits),
            hsm: one(self.hsm, other.hsm),
        }
    }

    /// Whether type and size are known as far as they matter for limits.
    pub fn is_sized(self) -> bool {
        match self.family {
            None => false,
            Some(KeyFamily::Ec) => true,
            Some(KeyFamily::Rsa | KeyFamily::Oct) => self.bits.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_facts_write_them() {
        let kind = |family, bits, hsm| KeyKind { family, bits, hsm };
        assert_eq!(KeyKind::read("RSA-HSM 2048"), kind(Some(KeyFamily::Rsa), Some(2048), Some(true)));
        assert_eq!(KeyKind::read("RSA"), kind(Some(KeyFamily::Rsa), None, Some(false)));
        assert_eq!(KeyKind::read("EC 256"), kind(Some(KeyFamily::Ec), Some(256), Some(false)));
        assert_eq!(KeyKind::read("ß"), KeyKind::default());
        assert_eq!(KeyKind::read("RSA x"), kind(Some(KeyFamily::Rsa), None, Some(false)));
    }

    #[test]
    fn a_name_may_tell_a_size_and_two_sizes_tell_nothing() {
        assert_eq!(KeyKind::of_name("sign-rsa4096").bits, Some(4096));
        assert_eq!(KeyKind::of_name("jwt-P-384").bits, Some(384));
        assert_eq!(KeyKind::of_name("from-2048-to-4096"), KeyKind::default());
        assert_eq!(KeyKind::of_name("orders"), KeyKind::default());
    }

    #[test]
    fn the_first_source_goes_before_the_second() {
        let sized = KeyKind::read("RSA-HSM 4096");
        assert_eq!(KeyKind::read("RSA-HSM").completed_by(sized), sized);
        assert_eq!(
            KeyKind::read("RSA").completed_by(sized).hsm,
            Some(false),
            "sizes agree, protection is its own"
        );
        assert_eq!(KeyKind::read("EC").completed_by(sized), KeyKind::read("EC"));
        assert_eq!(sized.agreed(KeyKind::read("RSA-HSM 2048")), KeyKind::read("RSA-HSM"));
    }
}
