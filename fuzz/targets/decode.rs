//! See `akvlens_fuzz::decode`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::decode);
