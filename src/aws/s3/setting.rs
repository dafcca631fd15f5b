//! Settings of a bucket that one call sets and another one takes away.

use serde::de::DeserializeOwned;

use super::{NoOutputs, each_named};
use crate::aws::prelude::*;

/// A setting of a bucket, named by the bucket alone.
pub(super) trait Setting: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {
    const TOKEN: &'static str;
    const ABOUT: Facts;

    /// The bucket, and the account that must own it if the program names one.
    fn place(&self) -> (&str, Option<&str>);

    /// The same call sets it at first and changes it later.
    fn put(&self, cx: &Cx) -> impl Future<Output = Result<()>> + Send;

    /// What S3 shows of it, if there is any.
    fn get(bucket: String, owner: Option<String>, cx: &Cx) -> impl Future<Output = Result<Option<Self>>> + Send;

    fn remove(&self, cx: &Cx) -> impl Future<Output = Result<()>> + Send;
}

impl<S: Setting> Resource for S {
    const TYPE: &'static str = S::TOKEN;
    const FACTS: Facts = S::ABOUT;
    type Outputs = NoOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made { id: id(self.place()), seen: None })
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each_named(ids, |id| async move {
            let (bucket, owner) = parts(&id);
            let setting = S::get(bucket, owner, cx).await?;
            Ok(setting.map_or(Seen::Gone, |inputs| Seen::Ready(Live { inputs, outputs: NoOutputs {} })))
        })
        .await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        self.remove(cx).await?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = id(self.place());
        let (bucket, owner) = parts(&id);
        let found = S::get(bucket, owner, cx).await?;
        Ok(found.map(|_| id).into_iter().collect())
    }
}

/// How the id of a setting comes from its inputs.
pub(super) const ID: IdForm = IdForm::Joined(&["bucket", "expectedBucketOwner"], ",");

/// What the id of a setting is made of.
pub(super) const IMPORT: &str = "name of the bucket, or `bucket,expectedBucketOwner`";

/// The id of a setting: the bucket, and after a comma the account that must own it, if one is given.
pub(super) fn id((bucket, owner): (&str, Option<&str>)) -> Id {
    Id(owner.map_or_else(|| bucket.to_owned(), |owner| format!("{bucket},{owner}")))
}

/// Bucket and expected owner of a setting's id.
pub(super) fn parts(id: &Id) -> (String, Option<String>) {
    match id.0.split_once(',') {
        Some((bucket, owner)) => (bucket.to_owned(), Some(owner.to_owned())),
        None => (id.0.clone(), None),
    }
}
