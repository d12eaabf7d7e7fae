package services

import (
	"context"
	"errors"
)

type downloads struct{}

func publicDownloads() downloads { return downloads{} }

func (s settings) downloaded() []string { return nil }

func (s settings) findOrDownload(ctx context.Context, opt Options) (binaries, error) {
	found, _, err := s.find()
	if err == nil || !isNotFound(err) {
		return found, err
	}
	var none *NotFoundError
	errors.As(err, &none)
	return binaries{}, none
}
