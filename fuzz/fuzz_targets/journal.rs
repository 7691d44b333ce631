#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| denoscope::fuzz::journal(bytes));
