package boxoffice

import (
	"context"
	"fmt"
)

// AskForReport leaves word that a report of all sales is wanted, in the name of the
// user. It returns ErrForbidden for anybody but organisers.
func (s *Service) AskForReport(ctx context.Context, userID int64) (Job, error) {
	if err := s.requireOrganiser(ctx, userID); err != nil {
		return Job{}, err
	}
	return s.Store.CreateReport(ctx, userID)
}

// Report returns a job of the user's. It returns ErrForbidden for anybody but
// organisers, and ErrNotFound for the jobs of others.
func (s *Service) Report(ctx context.Context, userID, jobID int64) (Job, error) {
	if err := s.requireOrganiser(ctx, userID); err != nil {
		return Job{}, err
	}
	job, err := s.Store.Report(ctx, jobID)
	if err != nil {
		return Job{}, err
	}
	if job.UserID != userID {
		return Job{}, ErrNotFound
	}
	return job, nil
}

// reportBatch is how many orders are summed up at a time. Each batch is a short
// query, and a step of the progress.
const reportBatch = 10_000

// region MakeReport

// MakeReport sums up all sales for a job. It may be called more than once for the
// same job, and then sums up anew.
func (s *Service) MakeReport(ctx context.Context, jobID int64) error {
	last, err := s.Store.LastOrder(ctx)
	if err != nil {
		return err
	}
	report := SalesReport{Cities: map[string]Sales{}}
	for after := int64(0); after < last; {
		upTo, err := s.Store.EndOfBatch(ctx, after, last, reportBatch)
		if err != nil {
			return err
		}
		batch, err := s.Store.SalesByCity(ctx, after, upTo)
		if err != nil {
			return fmt.Errorf("orders from %d to %d: %w", after, upTo, err)
		}
		report.add(batch)
		if err := s.Store.SaveProgress(ctx, jobID, int(100*float64(upTo)/float64(last))); err != nil {
			return err
		}
		after = upTo
	}
	return s.Store.SaveReport(ctx, jobID, report)
}

// endregion

func (r *SalesReport) add(cities map[string]Sales) {
	for city, sales := range cities {
		r.Sales = r.Sales.plus(sales)
		r.Cities[city] = r.Cities[city].plus(sales)
	}
}

func (s Sales) plus(more Sales) Sales {
	return Sales{s.Orders + more.Orders, s.Tickets + more.Tickets, s.TotalCents + more.TotalCents}
}
