//! The language as its users meet it: good programs with their values, wrong ones with what they are told.

mod components;
mod config;
mod facts;
mod mistakes;
mod questions;
mod regions;
mod scale;
mod secrecy;
mod values;
