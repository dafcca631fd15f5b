use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, replace};

/// A page of graphs and states. All regions of an account share its name, and its widgets name the
/// regions that they look at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dashboard {
    /// The widgets, in the language of CloudWatch dashboards.
    #[schemars(transform = alike(Alike::OrderedJson))]
    pub dashboard_body: Document,
    /// Name, unique in the account.
    #[schemars(transform = replace, length(min = 1, max = 255))]
    pub dashboard_name: String,
}

/// What AWS decides about a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DashboardOutputs {
    /// ARN of the dashboard.
    pub dashboard_arn: String,
}

impl Resource for Dashboard {
    const TYPE: &'static str = "aws:cloudwatch/dashboard:Dashboard";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&[]),
        scope: Scope::Global,
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
            read: &["cloudwatch:GetDashboard"],
            update: &["cloudwatch:PutDashboard"],
            delete: &["cloudwatch:DeleteDashboards"],
        },
        acts_on: &["cloudwatch::*:dashboard/{dashboardName}"],
        import: "name of the dashboard",
        ..Facts::new(IdForm::Input("dashboardName"), FoundBy::Name)
    };
    type Outputs = DashboardOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(&self.dashboard_name))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.cloudwatch().delete_dashboards().dashboard_names(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let id = Id(self.dashboard_name.clone());
        Ok(match seen(id.clone(), cx).await? {
            Seen::Gone => Vec::new(),
            _ => vec![id],
        })
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("dashboardName").and_then(Value::as_str);
        vec![("dashboardArn", name.map_or(Value::Unknown, |name| at.arn("cloudwatch", &format!("dashboard/{name}"))))]
    }
}

impl Dashboard {
    /// CloudWatch takes a body with widgets that it does not understand, and says so beside success.
    async fn put(&self, cx: &Cx) -> Result<()> {
        let put = cx.cloudwatch().put_dashboard();
        let reply =
            put.dashboard_body(self.dashboard_body.as_str()).dashboard_name(&self.dashboard_name).send().await?;
        for doubt in reply.dashboard_validation_messages.unwrap_or_default() {
            let (at, why) = (doubt.data_path.unwrap_or_default(), doubt.message.unwrap_or_default());
            tracing::warn!(dashboard = %self.dashboard_name, %at, "CloudWatch doubts a part of the body: {why}");
        }
        Ok(())
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Dashboard>>> {
    let Some(reply) = cx.cloudwatch().get_dashboard().dashboard_name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let inputs = Dashboard {
        dashboard_body: Document::new(need("DashboardBody", reply.dashboard_body)?),
        dashboard_name: need("DashboardName", reply.dashboard_name)?,
    };
    let outputs = DashboardOutputs { dashboard_arn: need("DashboardArn", reply.dashboard_arn)? };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::cloudwatch::cbor::{refuses, says};
    use crate::aws::wire::{aws, read, reads_back};

    const BODY: &str = r#"{"widgets":[]}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let arn = "arn:aws:cloudwatch::123456789012:dashboard/ready";
        let reply = says(&json!({ "DashboardArn": arn, "DashboardBody": BODY, "DashboardName": "ready" }));
        let inputs = json!({ "dashboardBody": BODY, "dashboardName": "ready" });
        let live = reads_back(Dashboard::TYPE, "ready", &[("GetDashboard", reply)], &[], inputs).await;
        assert_eq!(live.outputs.get("dashboardArn"), Some(&arn.into()));
    }

    #[tokio::test]
    async fn a_dashboard_that_is_not_found_is_gone() {
        let (aws, _) = aws(&[("GetDashboard", refuses("ResourceNotFound", "Dashboard ready does not exist"))]);
        assert_eq!(read(&aws, Dashboard::TYPE, "ready").await.unwrap(), Seen::Gone);
    }

    #[test]
    fn the_arn_of_a_dashboard_has_no_region() {
        let at = Where {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: crate::engine::urn::Place::global(),
            id: None,
        };
        let foreseen = Dashboard::foresee(&json!({ "dashboardName": "ready" }).into(), &at);
        assert_eq!(foreseen, [("dashboardArn", "arn:aws:cloudwatch::123456789012:dashboard/ready".into())]);
    }
}
