//! See `akvlens_fuzz::remembered`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::remembered);
