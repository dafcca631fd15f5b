//! The way to AWS with one set of credentials: what is made anew when they are no longer taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use tokio::sync::OnceCell;

use super::clients::Clients;
use super::config::{self, Settings};
use super::watch::Watch;
use crate::engine::reach::Reach;

/// Configuration and clients, read and made when they are first asked for.
pub(super) struct Session {
    reach: Arc<Reach>,
    config: OnceCell<SdkConfig>,
    clients: Mutex<HashMap<(String, bool), Arc<Clients>>>,
}

impl Session {
    pub(super) fn new(reach: Arc<Reach>) -> Self {
        Self { reach, config: OnceCell::new(), clients: Mutex::default() }
    }

    pub(super) async fn config(&self, settings: &Settings) -> &SdkConfig {
        self.config.get_or_init(|| config::load(settings)).await
    }

    /// The clients of a region. Only calls that may arrive twice get clients that repeat them.
    pub(super) async fn clients(&self, settings: &Settings, region: &str, repeatable: bool) -> Arc<Clients> {
        let config = self.config(settings).await;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let config = config.clone().into_builder().region(Region::new(region.to_owned())).build();
            let watch = self.watch(region);
            Arc::new(if repeatable { Clients::repeating(config, watch) } else { Clients::unambiguous(config, watch) })
        };
        Arc::clone(clients.entry((region.to_owned(), repeatable)).or_insert_with(make))
    }

    /// Something of the region was changed: what its types know of each other's answers is old.
    pub(super) fn outdate(&self, region: &str) {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let of_region = clients.iter().filter(|((of, _), _)| of == region);
        of_region.for_each(|(_, clients)| clients.databases().outdate());
    }

    /// The clients of the first call, whose answer everything waits for.
    pub(super) async fn impatient_clients(&self, settings: &Settings, region: &str) -> Clients {
        let config = config::impatient(self.config(settings).await);
        let config = config.into_builder().region(Region::new(region.to_owned())).build();
        Clients::repeating(config, self.watch(region))
    }

    fn watch(&self, region: &str) -> Watch {
        Watch { reach: Arc::clone(&self.reach), region: region.to_owned() }
    }
}
