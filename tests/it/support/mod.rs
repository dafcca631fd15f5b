//! What the tests stand on: emulators, accounts, and a stage on which programs run.

pub mod ask;
pub mod checkout;
pub mod emulator;
pub mod lab;
pub mod proxy;
pub mod stage;
pub mod terminal;
pub mod wire;
