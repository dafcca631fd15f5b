//! What the tests stand on: emulators, accounts, and a stage on which programs run.

pub mod checkout;
pub mod emulator;
pub mod stage;
