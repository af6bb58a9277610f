//! See `akvlens_fuzz::classify`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::classify);
