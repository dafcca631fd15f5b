//! Subscriptions: who gets mail or is called over HTTP is asked first.

use crate::twin::quirks::{Birth, PLAIN, Quirk};

pub(super) const QUIRKS: [Quirk; 1] = [Quirk {
    token: "aws:sns/topicSubscription:TopicSubscription",
    admit: |draft| {
        let asked = draft.text("protocol").is_some_and(|protocol| ASKED.contains(&protocol));
        let outputs = vec![("confirmationWasAuthenticated", (!asked).into()), ("pendingConfirmation", asked.into())];
        Ok(Birth { outputs, ..Birth::default() })
    },
    ..PLAIN
}];

/// Protocols whose receivers may be anybody.
const ASKED: [&str; 4] = ["email", "email-json", "http", "https"];
