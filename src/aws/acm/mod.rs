//! Certificates: ACM.

mod certificate;
mod certificate_validation;

pub use certificate::Certificate;
pub use certificate_validation::CertificateValidation;
