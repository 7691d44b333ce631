//! The command line, and without arguments the window.

fn main() {}
