package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "secret/decryption-failed",
		Severity: finding.Error,
		Summary:  "an encrypted file or the key for it cannot be used",
		Why: "The controller reports BuildFailed, and nothing of the Kustomization is updated any more. " +
			"A key that is not in the repository is no mistake: the content then stays unknown, and nothing is reported.",
		Fix: "encrypt the file anew with sops, or correct the key in the Secret of spec.decryption.secretRef",
	}, "decryption-failed", "decryption-key-invalid", "decryption-secret-missing")
}
