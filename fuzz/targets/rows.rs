//! See `akvlens_fuzz::rows`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::rows);
