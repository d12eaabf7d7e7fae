module example.com/boxoffice/steps/02-layers

go 1.26.0

require (
	example.com/boxoffice/tools v0.0.0
	github.com/gin-gonic/gin v1.12.0
	github.com/jmoiron/sqlx v1.4.0
	github.com/lib/pq v1.12.3
	github.com/pressly/goose/v3 v3.29.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/crypto v0.58.0
)

replace example.com/boxoffice/tools => ../../tools
