module example.com/boxoffice/steps/01-price

go 1.26.0

require example.com/boxoffice/tools v0.0.0

replace example.com/boxoffice/tools => ../../tools
