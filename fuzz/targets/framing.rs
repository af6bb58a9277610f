//! See `akvlens_fuzz::framing`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::framing);
