//! See `akvlens_fuzz::explain`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::explain);
