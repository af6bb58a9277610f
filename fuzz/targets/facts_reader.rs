//! See `akvlens_fuzz::facts_reader`.
#![cfg_attr(fuzzing, no_main)]

akvlens_fuzz::target!(akvlens_fuzz::facts_reader);
