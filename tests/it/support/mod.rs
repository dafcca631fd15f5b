//! What the tests stand on: emulators, accounts, and a stage on which programs run.

pub mod accounts;
pub mod ask;
pub mod calls;
pub mod chance;
pub mod checkout;
pub mod emulator;
pub mod fate;
pub mod inventory;
pub mod lab;
pub mod life;
pub mod platform;
pub mod proof;
pub mod proxy;
pub mod relay;
pub mod running;
pub mod stage;
pub mod terminal;
pub mod wire;
