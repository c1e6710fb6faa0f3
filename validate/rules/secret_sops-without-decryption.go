package rules

import (
	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

func init() {
	lift(validate.Rule{
		ID:       "secret/sops-without-decryption",
		Severity: finding.Error,
		Summary:  "a Secret is encrypted with SOPS but its Kustomization does not decrypt",
		Why:      "The cluster gets the ciphertext as data, and the Kustomization reports Ready.",
		Fix:      "add spec.decryption with provider: sops and a secretRef to the Flux Kustomization",
	}, "sops-without-decryption")
}
