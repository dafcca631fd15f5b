use aws_sdk_elasticloadbalancingv2::types::{self as sdk, Certificate, ListenerAttribute, ProtocolEnum};
use futures::try_join;

use super::action::{ListenerDefaultAction, ListenerMutualAuthentication};
use super::attributes::Attributes;
use super::{is_mine, retag, tagged, tags_of};
use crate::aws::mirror::{Field, Mirror};
use crate::aws::prelude::*;
use crate::engine::rules::{also, computed, one_of, refers, replace};

/// A port of a load balancer, and what happens to what arrives there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// Protocol that is agreed on by ALPN. Only with `TLS`.
    #[schemars(transform = one_of(&["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"]))]
    pub alpn_policy: Option<String>,
    /// Certificate for clients that name no host, or one that no other certificate has.
    #[schemars(transform = refers("aws:acm/certificate:Certificate.arn"))]
    #[schemars(transform = also(&["arn:aws:iam::"]))]
    pub certificate_arn: Option<String>,
    /// What happens to requests that no rule takes.
    #[schemars(length(min = 1))]
    pub default_actions: Vec<ListenerDefaultAction>,
    /// Load balancer.
    #[schemars(transform = replace, transform = refers("aws:lb/loadBalancer:LoadBalancer.arn"))]
    pub load_balancer_arn: String,
    /// What clients must show of themselves. Only with `HTTPS`.
    #[schemars(transform = computed)]
    pub mutual_authentication: Option<ListenerMutualAuthentication>,
    /// Port. Gateway load balancers have none.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Protocol.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&["HTTP", "HTTPS", "QUIC", "TCP", "TCP_QUIC", "TCP_UDP", "TLS", "UDP"]))]
    pub protocol: Option<String>,
    /// Header with the client's certificate.
    pub routing_http_request_x_amzn_mtls_clientcert_header_name: Option<String>,
    /// Header with the issuer of the client's certificate.
    pub routing_http_request_x_amzn_mtls_clientcert_issuer_header_name: Option<String>,
    /// Header with the client's own certificate, without those above it.
    pub routing_http_request_x_amzn_mtls_clientcert_leaf_header_name: Option<String>,
    /// Header with the serial number of the client's certificate.
    pub routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name: Option<String>,
    /// Header with the subject of the client's certificate.
    pub routing_http_request_x_amzn_mtls_clientcert_subject_header_name: Option<String>,
    /// Header with the validity of the client's certificate.
    pub routing_http_request_x_amzn_mtls_clientcert_validity_header_name: Option<String>,
    /// Header with the TLS cipher.
    pub routing_http_request_x_amzn_tls_cipher_suite_header_name: Option<String>,
    /// Header with the TLS version.
    pub routing_http_request_x_amzn_tls_version_header_name: Option<String>,
    /// `Access-Control-Allow-Credentials` of answers.
    pub routing_http_response_access_control_allow_credentials_header_value: Option<String>,
    /// `Access-Control-Allow-Headers` of answers.
    pub routing_http_response_access_control_allow_headers_header_value: Option<String>,
    /// `Access-Control-Allow-Methods` of answers.
    pub routing_http_response_access_control_allow_methods_header_value: Option<String>,
    /// `Access-Control-Allow-Origin` of answers.
    pub routing_http_response_access_control_allow_origin_header_value: Option<String>,
    /// `Access-Control-Expose-Headers` of answers.
    pub routing_http_response_access_control_expose_headers_header_value: Option<String>,
    /// `Access-Control-Max-Age` of answers.
    pub routing_http_response_access_control_max_age_header_value: Option<String>,
    /// `Content-Security-Policy` of answers.
    pub routing_http_response_content_security_policy_header_value: Option<String>,
    /// Whether answers hold the header `Server`.
    #[schemars(transform = computed)]
    pub routing_http_response_server_enabled: Option<bool>,
    /// `Strict-Transport-Security` of answers.
    pub routing_http_response_strict_transport_security_header_value: Option<String>,
    /// `X-Content-Type-Options` of answers.
    pub routing_http_response_x_content_type_options_header_value: Option<String>,
    /// `X-Frame-Options` of answers.
    pub routing_http_response_x_frame_options_header_value: Option<String>,
    /// Which TLS versions and ciphers are taken.
    #[schemars(transform = computed)]
    pub ssl_policy: Option<String>,
    /// Tags of the listener.
    #[serde(default)]
    pub tags: Tags,
    /// Seconds after which an idle connection is forgotten. Not with `UDP`.
    #[schemars(transform = computed, range(min = 60, max = 6000))]
    pub tcp_idle_timeout_seconds: Option<i32>,
}

/// What AWS decides about a listener.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerOutputs {
    /// ARN of the listener, the same as `id`.
    pub arn: String,
}

impl Resource for Listener {
    const TYPE: &'static str = "aws:lb/listener:Listener";
    const FACTS: Facts = Facts {
        existing: Existing::LookedFor(&["loadBalancerArn"]),
        takes: Takes::seconds(1, 1, 1),
        aliases: &[
            "aws:alb/listener:Listener",
            "aws:applicationloadbalancing/listener:Listener",
            "aws:elasticloadbalancingv2/listener:Listener",
        ],
        permissions: Permissions {
            create: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:DescribeListeners",
            ],
            read: &[
                "elasticloadbalancing:DescribeListenerAttributes",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeTags",
            ],
            update: &[
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyListenerAttributes",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteListener"],
        },
        import: "ARN of the listener",
        ..Facts::new(IdForm::Output("arn"), FoundBy::Name)
    };
    type Outputs = ListenerOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .elb()
            .create_listener()
            .set_alpn_policy(self.alpn_policy.clone().map(|policy| vec![policy]))
            .set_certificates(self.certificates())
            .set_default_actions(Some(self.actions()?))
            .load_balancer_arn(&self.load_balancer_arn)
            .set_mutual_authentication(self.mutual_authentication.put()?)
            .set_port(self.port)
            .set_protocol(self.protocol.as_deref().map(ProtocolEnum::from))
            .set_ssl_policy(self.ssl_policy.clone())
            .set_tags(tagged(&cx.tags(&self.tags)))
            .send()
            .await?;
        let listener = reply.listeners.and_then(|all| all.into_iter().next());
        Ok(Made::id(need("ListenerArn", need("Listeners", listener)?.listener_arn)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        let same = self.alpn_policy == old.alpn_policy
            && self.certificate_arn == old.certificate_arn
            && self.default_actions == old.default_actions
            && changed(&self.mutual_authentication, &old.mutual_authentication).is_none()
            && self.port == old.port
            && changed(&self.protocol, &old.protocol).is_none()
            && changed(&self.ssl_policy, &old.ssl_policy).is_none();
        if !same {
            cx.elb()
                .modify_listener()
                .listener_arn(&id.0)
                .set_alpn_policy(self.alpn_policy.clone().map(|policy| vec![policy]))
                .set_certificates(self.certificates())
                .set_default_actions(Some(self.actions()?))
                .set_mutual_authentication(self.mutual_authentication.put()?)
                .set_port(self.port)
                .set_protocol(self.protocol.as_deref().map(ProtocolEnum::from))
                .set_ssl_policy(self.ssl_policy.clone())
                .send()
                .await?;
        }
        let (wanted, had) = (self.attributes(), old.attributes());
        let attributes = wanted.beyond(&had).map(|(k, v)| ListenerAttribute::builder().key(k).value(v).build());
        let attributes: Vec<_> = attributes.collect();
        if !attributes.is_empty() {
            let modify = cx.elb().modify_listener_attributes().listener_arn(&id.0);
            modify.set_attributes(Some(attributes)).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.elb().delete_listener().listener_arn(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    /// A load balancer has one listener a port.
    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        match self.namesake(cx).await? {
            Some(id) if is_mine(&id.0, cx).await? => Ok(vec![id]),
            _ => Ok(Vec::new()),
        }
    }

    async fn namesake(&self, cx: &Cx) -> Result<Option<Id>> {
        let pages = cx.elb().describe_listeners().load_balancer_arn(&self.load_balancer_arn).into_paginator().items();
        let listeners = pages.send().collect::<Result<Vec<_>, _>>().await.or_none()?.unwrap_or_default();
        Ok(listeners.into_iter().find(|listener| listener.port == self.port).and_then(|l| l.listener_arn).map(Id))
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }
}

impl Listener {
    fn certificates(&self) -> Option<Vec<Certificate>> {
        let certificate = self.certificate_arn.as_ref()?;
        Some(vec![Certificate::builder().certificate_arn(certificate).build()])
    }

    /// Several actions need their order, which is that of the program where it gives none.
    fn actions(&self) -> Result<Vec<sdk::Action>> {
        let mut actions: Vec<sdk::Action> = self.default_actions.send()?;
        if actions.len() > 1 {
            for (order, action) in (1..).zip(&mut actions) {
                action.order.get_or_insert(order);
            }
        }
        Ok(actions)
    }

    /// An empty text takes a header away.
    fn attributes(&self) -> Attributes {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut all = Attributes::default();
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_issuer_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_leaf_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_subject_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
            text(&self.routing_http_request_x_amzn_mtls_clientcert_validity_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_tls_cipher_suite.header_name",
            text(&self.routing_http_request_x_amzn_tls_cipher_suite_header_name),
        );
        all.set(
            "routing.http.request.x_amzn_tls_version.header_name",
            text(&self.routing_http_request_x_amzn_tls_version_header_name),
        );
        all.set(
            "routing.http.response.access_control_allow_credentials.header_value",
            text(&self.routing_http_response_access_control_allow_credentials_header_value),
        );
        all.set(
            "routing.http.response.access_control_allow_headers.header_value",
            text(&self.routing_http_response_access_control_allow_headers_header_value),
        );
        all.set(
            "routing.http.response.access_control_allow_methods.header_value",
            text(&self.routing_http_response_access_control_allow_methods_header_value),
        );
        all.set(
            "routing.http.response.access_control_allow_origin.header_value",
            text(&self.routing_http_response_access_control_allow_origin_header_value),
        );
        all.set(
            "routing.http.response.access_control_expose_headers.header_value",
            text(&self.routing_http_response_access_control_expose_headers_header_value),
        );
        all.set(
            "routing.http.response.access_control_max_age.header_value",
            text(&self.routing_http_response_access_control_max_age_header_value),
        );
        all.set(
            "routing.http.response.content_security_policy.header_value",
            text(&self.routing_http_response_content_security_policy_header_value),
        );
        all.put("routing.http.response.server.enabled", self.routing_http_response_server_enabled.as_ref());
        all.set(
            "routing.http.response.strict_transport_security.header_value",
            text(&self.routing_http_response_strict_transport_security_header_value),
        );
        all.set(
            "routing.http.response.x_content_type_options.header_value",
            text(&self.routing_http_response_x_content_type_options_header_value),
        );
        all.set(
            "routing.http.response.x_frame_options.header_value",
            text(&self.routing_http_response_x_frame_options_header_value),
        );
        all.put("tcp.idle_timeout.seconds", self.tcp_idle_timeout_seconds.as_ref());
        all
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<Listener>>> {
    let reply = cx.elb().describe_listeners().listener_arns(&id.0).send().await.or_none()?;
    let Some(listener) = reply.and_then(|r| r.listeners?.into_iter().next()) else { return Ok(Seen::Gone) };
    let attributes = async {
        let reply = cx.elb().describe_listener_attributes().listener_arn(&id.0).send().await?;
        Ok(reply.attributes.into_iter().flatten().map(|a| (a.key, a.value)).collect::<Attributes>())
    };
    let (attributes, tags) = try_join!(attributes, tags_of(&id.0, cx))?;
    shown(listener, &attributes, tags).map(Seen::Ready)
}

fn shown(l: sdk::Listener, from: &Attributes, tags: Tags) -> Result<Live<Listener>> {
    let outputs = ListenerOutputs { arn: need("ListenerArn", l.listener_arn)? };
    let mut actions = l.default_actions.unwrap_or_default();
    actions.sort_by_key(|action| action.order);
    let inputs = Listener {
        alpn_policy: l.alpn_policy.and_then(|all| all.into_iter().next()),
        certificate_arn: l.certificates.and_then(|all| all.into_iter().next()?.certificate_arn),
        default_actions: Mirror::show(actions)?,
        load_balancer_arn: need("LoadBalancerArn", l.load_balancer_arn)?,
        mutual_authentication: Field::take("MutualAuthentication", l.mutual_authentication)?,
        port: l.port,
        protocol: l.protocol.map(|protocol| protocol.as_str().to_owned()),
        routing_http_request_x_amzn_mtls_clientcert_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_issuer_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_leaf_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_subject_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert_subject.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_validity_header_name: from
            .text("routing.http.request.x_amzn_mtls_clientcert_validity.header_name"),
        routing_http_request_x_amzn_tls_cipher_suite_header_name: from
            .text("routing.http.request.x_amzn_tls_cipher_suite.header_name"),
        routing_http_request_x_amzn_tls_version_header_name: from
            .text("routing.http.request.x_amzn_tls_version.header_name"),
        routing_http_response_access_control_allow_credentials_header_value: from
            .text("routing.http.response.access_control_allow_credentials.header_value"),
        routing_http_response_access_control_allow_headers_header_value: from
            .text("routing.http.response.access_control_allow_headers.header_value"),
        routing_http_response_access_control_allow_methods_header_value: from
            .text("routing.http.response.access_control_allow_methods.header_value"),
        routing_http_response_access_control_allow_origin_header_value: from
            .text("routing.http.response.access_control_allow_origin.header_value"),
        routing_http_response_access_control_expose_headers_header_value: from
            .text("routing.http.response.access_control_expose_headers.header_value"),
        routing_http_response_access_control_max_age_header_value: from
            .text("routing.http.response.access_control_max_age.header_value"),
        routing_http_response_content_security_policy_header_value: from
            .text("routing.http.response.content_security_policy.header_value"),
        routing_http_response_server_enabled: from.get("routing.http.response.server.enabled"),
        routing_http_response_strict_transport_security_header_value: from
            .text("routing.http.response.strict_transport_security.header_value"),
        routing_http_response_x_content_type_options_header_value: from
            .text("routing.http.response.x_content_type_options.header_value"),
        routing_http_response_x_frame_options_header_value: from
            .text("routing.http.response.x_frame_options.header_value"),
        ssl_policy: l.ssl_policy.filter(|policy| !policy.is_empty()),
        tags,
        tcp_idle_timeout_seconds: from.get("tcp.idle_timeout.seconds"),
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const ATTRIBUTES: &[(&str, &str)] = &[
        ("routing.http.request.x_amzn_mtls_clientcert.header_name", "x"),
        ("routing.http.request.x_amzn_mtls_clientcert_issuer.header_name", "x"),
        ("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name", "x"),
        ("routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name", "x"),
        ("routing.http.request.x_amzn_mtls_clientcert_subject.header_name", "x"),
        ("routing.http.request.x_amzn_mtls_clientcert_validity.header_name", "x"),
        ("routing.http.request.x_amzn_tls_cipher_suite.header_name", "x"),
        ("routing.http.request.x_amzn_tls_version.header_name", "x"),
        ("routing.http.response.access_control_allow_credentials.header_value", "x"),
        ("routing.http.response.access_control_allow_headers.header_value", "x"),
        ("routing.http.response.access_control_allow_methods.header_value", "x"),
        ("routing.http.response.access_control_allow_origin.header_value", "x"),
        ("routing.http.response.access_control_expose_headers.header_value", "x"),
        ("routing.http.response.access_control_max_age.header_value", "x"),
        ("routing.http.response.content_security_policy.header_value", "x"),
        ("routing.http.response.server.enabled", "true"),
        ("routing.http.response.strict_transport_security.header_value", "x"),
        ("routing.http.response.x_content_type_options.header_value", "x"),
        ("routing.http.response.x_frame_options.header_value", "x"),
        ("tcp.idle_timeout.seconds", "350"),
    ];
    const FORWARD: &str = "<member><Type>forward</Type><TargetGroupArn>arn:tg</TargetGroupArn><Order>2</Order>\
        <ForwardConfig><TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn><Weight>1</Weight></member>\
        </TargetGroups><TargetGroupStickinessConfig><Enabled>false</Enabled></TargetGroupStickinessConfig>\
        </ForwardConfig></member>";
    const LOGIN: &str = "<member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig>\
        <Issuer>https://i</Issuer><AuthorizationEndpoint>https://a</AuthorizationEndpoint>\
        <TokenEndpoint>https://t</TokenEndpoint><UserInfoEndpoint>https://u</UserInfoEndpoint>\
        <ClientId>c</ClientId><SessionTimeout>60</SessionTimeout></AuthenticateOidcConfig></member>";

    fn replies(actions: &str) -> Vec<(&'static str, crate::aws::wire::Reply)> {
        let listener = format!(
            "<DescribeListenersResponse><DescribeListenersResult><Listeners><member><ListenerArn>arn:l</ListenerArn>\
            <LoadBalancerArn>arn:lb</LoadBalancerArn><Port>443</Port><Protocol>HTTPS</Protocol>\
            <Certificates><member><CertificateArn>arn:c</CertificateArn></member></Certificates>\
            <SslPolicy>ELBSecurityPolicy-TLS13-1-2-2021-06</SslPolicy><DefaultActions>{actions}</DefaultActions>\
            <AlpnPolicy><member>None</member></AlpnPolicy><MutualAuthentication><Mode>verify</Mode>\
            <TrustStoreArn>arn:t</TrustStoreArn></MutualAuthentication></member></Listeners>\
            </DescribeListenersResult></DescribeListenersResponse>"
        );
        let all = ATTRIBUTES.iter().map(|(k, v)| format!("<member><Key>{k}</Key><Value>{v}</Value></member>"));
        let attributes = format!(
            "<DescribeListenerAttributesResponse><DescribeListenerAttributesResult><Attributes>{}</Attributes>\
            </DescribeListenerAttributesResult></DescribeListenerAttributesResponse>",
            all.collect::<String>()
        );
        let tags = "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions><member><Tags><member>\
            <Key>a</Key><Value>b</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>\
            </DescribeTagsResponse>";
        vec![
            ("Action=DescribeListeners&", ok(listener)),
            ("Action=DescribeListenerAttributes&", ok(attributes)),
            ("Action=DescribeTags&", ok(tags)),
            ("Action=ModifyListenerAttributes&", ok(done("ModifyListenerAttributes"))),
            ("Action=ModifyListener&", ok(done("ModifyListener"))),
        ]
    }

    fn done(operation: &str) -> String {
        format!("<{operation}Response><{operation}Result/></{operation}Response>")
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "alpnPolicy": "None",
            "certificateArn": "arn:c",
            "defaultActions": [
                {
                    "authenticateOidc": {
                        "authorizationEndpoint": "https://a", "clientId": "c", "clientSecret": "",
                        "issuer": "https://i", "sessionTimeout": 60, "tokenEndpoint": "https://t",
                        "userInfoEndpoint": "https://u",
                    },
                    "order": 1,
                    "type": "authenticate-oidc",
                },
                {
                    "forward": {
                        "stickiness": { "enabled": false },
                        "targetGroups": [{ "arn": "arn:tg", "weight": 1 }],
                    },
                    "order": 2,
                    "targetGroupArn": "arn:tg",
                    "type": "forward",
                },
            ],
            "loadBalancerArn": "arn:lb",
            "mutualAuthentication": {
                "ignoreClientCertificateExpiry": false, "mode": "verify", "trustStoreArn": "arn:t",
            },
            "port": 443,
            "protocol": "HTTPS",
            "routingHttpRequestXAmznMtlsClientcertHeaderName": "x",
            "routingHttpRequestXAmznMtlsClientcertIssuerHeaderName": "x",
            "routingHttpRequestXAmznMtlsClientcertLeafHeaderName": "x",
            "routingHttpRequestXAmznMtlsClientcertSerialNumberHeaderName": "x",
            "routingHttpRequestXAmznMtlsClientcertSubjectHeaderName": "x",
            "routingHttpRequestXAmznMtlsClientcertValidityHeaderName": "x",
            "routingHttpRequestXAmznTlsCipherSuiteHeaderName": "x",
            "routingHttpRequestXAmznTlsVersionHeaderName": "x",
            "routingHttpResponseAccessControlAllowCredentialsHeaderValue": "x",
            "routingHttpResponseAccessControlAllowHeadersHeaderValue": "x",
            "routingHttpResponseAccessControlAllowMethodsHeaderValue": "x",
            "routingHttpResponseAccessControlAllowOriginHeaderValue": "x",
            "routingHttpResponseAccessControlExposeHeadersHeaderValue": "x",
            "routingHttpResponseAccessControlMaxAgeHeaderValue": "x",
            "routingHttpResponseContentSecurityPolicyHeaderValue": "x",
            "routingHttpResponseServerEnabled": true,
            "routingHttpResponseStrictTransportSecurityHeaderValue": "x",
            "routingHttpResponseXContentTypeOptionsHeaderValue": "x",
            "routingHttpResponseXFrameOptionsHeaderValue": "x",
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "tags": { "a": "b" },
            "tcpIdleTimeoutSeconds": 350,
        });
        let actions = format!("{FORWARD}{LOGIN}");
        let (aws, _) = aws(&replies(&actions));
        let Seen::Ready(live) = read(&aws, Listener::TYPE, "arn:l").await.unwrap() else { panic!("not ready") };
        let secret = live.inputs.to_json();
        assert!(secret.is_ok(), "{secret:?}");
        reads_back(Listener::TYPE, "arn:l", &replies(&actions), &[], inputs).await;
    }

    #[tokio::test]
    async fn a_header_that_is_given_up_is_taken_away() {
        let (aws, wire) = aws(&replies(FORWARD));
        let Seen::Ready(live) = read(&aws, Listener::TYPE, "arn:l").await.unwrap() else { panic!("not ready") };
        let mut wanted = live.inputs.to_json().unwrap();
        wanted["routingHttpResponseXFrameOptionsHeaderValue"] = json!(null);
        aws.update(&at(Listener::TYPE), &Id("arn:l".into()), &Value::from_json(wanted), &live).await.unwrap();
        assert!(wire.requests("Action=ModifyListener&").is_empty());
        let sent = wire.requests("Action=ModifyListenerAttributes").remove(0);
        assert!(sent.contains("x_frame_options") && !sent.contains("member.2"), "{sent}");
    }
}
