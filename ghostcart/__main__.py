from ghostcart.config.cli import main

main()
