//! Parts of a whole as the report shows them. The only place of capacity that divides.

/// A part as a fraction, to six places.
#[allow(clippy::cast_precision_loss, reason = "six places of a fraction need no 53 bits")]
pub(crate) fn fraction(parts: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { (parts as f64 * 1e6 / whole as f64).round() / 1e6 }
}

/// A part in percent, to two places.
#[allow(clippy::cast_precision_loss, reason = "two places of a share need no 53 bits")]
pub(crate) fn percent(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 10_000.0 / whole as f64).round() / 100.0 }
}
